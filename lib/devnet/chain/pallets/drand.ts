/** Drand: the pulses of a beacon that timelocked commits wait for. Written by block production (`../drand.ts`). */
import { blake2Concat, type Context, type Pallet, storageOf } from "../declare.ts";
import { fromHex } from "../../../core/mod.ts";
import { Bytes, struct, U32, U64, vec } from "../scale.ts";

const storage = storageOf("Drand");

const Metadata = struct("pallet_drand::types::Metadata", { beacon_id: Bytes });
const BeaconConfiguration = struct("pallet_drand::types::BeaconConfiguration", {
  public_key: Bytes, period: U32, genesis_time: U32, hash: Bytes, group_hash: Bytes, scheme_id: Bytes, metadata: Metadata,
});
const Pulse = struct("pallet_drand::types::Pulse", { round: U64, randomness: Bytes, signature: Bytes });

/** drand quicknet, as every subtensor begins with. */
export const QUICKNET = {
  public_key: fromHex("83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"),
  period: 3,
  genesis_time: 1_692_803_367,
  hash: fromHex("52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"),
  group_hash: fromHex("f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e"),
  scheme_id: new TextEncoder().encode("bls-unchained-g1-rfc9380"),
  metadata: { beacon_id: new TextEncoder().encode("quicknet") },
};

export const BeaconConfig = storage.item("BeaconConfig", [], BeaconConfiguration, QUICKNET);
export const Pulses = storage.optional("Pulses", [blake2Concat(U64)], Pulse);
export const LastStoredRound = storage.item("LastStoredRound", [], U64, 0n);
export const OldestStoredRound = storage.item("OldestStoredRound", [], U64, 0n);

export const drand: Pallet = {
  name: "Drand",
  crate: "pallet_drand",
  index: 26,
  storage: [BeaconConfig, Pulses, LastStoredRound, OldestStoredRound],
  calls: {},
  events: { BeaconConfigChanged: { index: 0, fields: [] }, NewPulse: { index: 1, fields: { rounds: vec(U64) } } },
  errors: {},
  constants: {},
};

/** Rounds that stay readable; the real pallet keeps 216,000. */
const PULSES_KEPT = 1000n;

/** Takes in pulses, oldest first. */
export function storePulses(context: Pick<Context, "state" | "emit">, pulses: readonly { round: bigint; randomness: Uint8Array; signature: Uint8Array }[]): void {
  const { state } = context;
  for (const pulse of pulses) Pulses.set(state, [pulse.round], pulse);
  const [first, last] = [pulses[0]!.round, pulses.at(-1)!.round];
  LastStoredRound.set(state, [], last);
  let oldest = OldestStoredRound.get(state) || first;
  for (; last - oldest >= PULSES_KEPT; oldest++) Pulses.remove(state, oldest);
  OldestStoredRound.set(state, [], oldest);
  context.emit("Drand", "NewPulse", { rounds: pulses.map(({ round }) => round) });
}
