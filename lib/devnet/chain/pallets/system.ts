/** System: accounts, block numbers and hashes, events. Written mostly by block production (`../blocks.ts`). */
import { blake2Concat, call, type ChainSettings, type Context, type Pallet, signer, storageOf, twox64Concat } from "../declare.ts";
import { AccountId, DispatchError, DispatchEventInfo, H256, hashHex, ZERO_HASH } from "../primitives.ts";
import { Bytes, type Codec, compact, enumeration, fixedBytes, struct, Text, tuple, U128, U16, U32, U64, U8, vec } from "../scale.ts";
import { blake2AsU8a } from "@polkadot/util-crypto";
import { HISTORY_BLOCKS, type State, type StateReader } from "../state.ts";
import { runtimeVersion, SPEC_VERSION } from "../version.ts";

const storage = storageOf("System");

const AccountData = struct("pallet_balances::types::AccountData", { free: U64, reserved: U64, frozen: U64, flags: U128 });
const AccountInfo = struct("frame_system::AccountInfo", { nonce: U32, consumers: U32, providers: U32, sufficients: U32, data: AccountData });
/** The balances pallet's "new logic" flag, set in every account. */
const NEW_LOGIC = 1n << 127n;
const NO_ACCOUNT = { nonce: 0, consumers: 0, providers: 0, sufficients: 0, data: { free: 0n, reserved: 0n, frozen: 0n, flags: NEW_LOGIC } };

export const Account = storage.item("Account", [blake2Concat(AccountId)], AccountInfo, NO_ACCOUNT);
export const BlockNumber = storage.item("Number", [], U32, 0);
export const BlockHash = storage.item("BlockHash", [twox64Concat(U32)], H256, ZERO_HASH);
export const ParentHash = storage.item("ParentHash", [], H256, ZERO_HASH);
export const EventCount = storage.item("EventCount", [], U32, 0);

const LastUpgrade = struct("frame_system::LastRuntimeUpgradeInfo", { spec_version: compact(U32), spec_name: Text });
const LastRuntimeUpgrade = storage.optional("LastRuntimeUpgrade", [], LastUpgrade);

/** Which runtime a state was made by. */
export function specVersionOf(state: StateReader): number {
  return LastRuntimeUpgrade.get(state)?.spec_version ?? SPEC_VERSION;
}

/** Puts another runtime in force. */
export function setSpecVersion(state: State, specVersion: number): void {
  LastRuntimeUpgrade.set(state, [], { spec_version: specVersion, spec_name: runtimeVersion(specVersion).spec_name });
}

export const RuntimeVersion = struct("sp_version::RuntimeVersion", {
  spec_name: Text, impl_name: Text, authoring_version: U32, spec_version: U32, impl_version: U32,
  apis: vec(tuple(fixedBytes(8), U32)), transaction_version: U32, system_version: U8,
});

const Phase = enumeration("frame_system::Phase", {
  ApplyExtrinsic: { index: 0, fields: [U32] }, Finalization: { index: 1, fields: [] }, Initialization: { index: 2, fields: [] },
});

/** The record type of `System.Events` over the runtime's event type. */
function eventRecord<E>(runtimeEvent: Codec<E>) {
  const record = struct("frame_system::EventRecord", { phase: Phase, event: runtimeEvent, topics: vec(H256) });
  return {
    ...record,
    define: (table: Parameters<typeof record.define>[0]) => ({
      ...record.define(table),
      params: [{ name: "E", type: table.idOf(runtimeEvent) }, { name: "T", type: table.idOf(H256) }],
    }),
  };
}

/** The pallet, and its list of events, over the runtime's event type. */
export function systemPallet<E>(runtimeEvent: Codec<E>) {
  const events = storage.item("Events", [], vec(eventRecord(runtimeEvent)), []);
  const pallet: Pallet = {
    name: "System",
    crate: "frame_system",
    index: 0,
    storage: [Account, BlockNumber, BlockHash, ParentHash, events, EventCount, LastRuntimeUpgrade],
    calls: {
      remark: call(0, { remark: Bytes }, (_context, origin) => void signer(origin)),
      remark_with_event: call(7, { remark: Bytes }, (context, origin, { remark }) => {
        context.emit("System", "Remarked", { sender: signer(origin), hash: hashHex(blake2AsU8a(remark, 256)) });
      }),
    },
    events: {
      ExtrinsicSuccess: { index: 0, fields: { dispatch_info: DispatchEventInfo } },
      ExtrinsicFailed: { index: 1, fields: { dispatch_error: DispatchError, dispatch_info: DispatchEventInfo } },
      NewAccount: { index: 3, fields: { account: AccountId } },
      KilledAccount: { index: 4, fields: { account: AccountId } },
      Remarked: { index: 5, fields: { sender: AccountId, hash: H256 } },
    },
    errors: { CallFiltered: 5 },
    constants: {
      BlockHashCount: { codec: U32, value: HISTORY_BLOCKS },
      SS58Prefix: { codec: U16, value: 42 },
      Version: { codec: RuntimeVersion, value: ({ specVersion }: ChainSettings) => runtimeVersion(specVersion) },
    },
  };
  return { pallet, events };
}

/** Takes the account's next nonce. */
export function incrementNonce({ state }: Pick<Context, "state">, account: Parameters<typeof Account.get>[1]): void {
  const info = Account.get(state, account);
  Account.set(state, [account], { ...info, nonce: info.nonce + 1 });
}
