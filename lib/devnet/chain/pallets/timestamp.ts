/** Timestamp and Aura: the time of the block, and the speed of the chain. */
import { call, DispatchFailure, type Pallet, storageOf } from "../declare.ts";
import { compact, U64 } from "../scale.ts";

export const Now = storageOf("Timestamp").item("Now", [], U64, 0n);
export const CurrentSlot = storageOf("Aura").item("CurrentSlot", [], U64, 0n);

export const timestamp: Pallet = {
  name: "Timestamp",
  crate: "pallet_timestamp",
  index: 2,
  storage: [Now],
  calls: {
    // The block author's inherent; block production writes `Now` itself, anybody else's is refused.
    set: call(0, { now: compact(U64) }, () => {
      throw new DispatchFailure(null, "BadOrigin");
    }),
  },
  events: {},
  errors: {},
  constants: { MinimumPeriod: { codec: U64, value: ({ blockMs }: { blockMs: number }) => BigInt(Math.floor(blockMs / 2)) } },
};

export const aura: Pallet = {
  name: "Aura",
  crate: "pallet_aura",
  index: 3,
  storage: [CurrentSlot],
  calls: {},
  events: {},
  errors: {},
  constants: { SlotDuration: { codec: U64, value: ({ blockMs }: { blockMs: number }) => BigInt(blockMs) } },
};
