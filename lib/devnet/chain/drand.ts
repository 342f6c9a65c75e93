/**
 * The stand-in for the drand network, which an isolated machine does not reach: a beacon with a key of its own that signs
 * each round when the chain's time has come to it. Its key stands in `Drand.BeaconConfig`, where on every chain the key
 * stands that timelocked commits are made for; nobody else is told that it is not quicknet's.
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { pointOfRound } from "../../chain/mod.ts";
import { STANDARD_BLOCK_MS, toHex, utf8 } from "../../core/mod.ts";
import type { Context } from "./declare.ts";
import { BeaconConfig, LastStoredRound, QUICKNET, storePulses } from "./pallets/drand.ts";
import { CommitRevealWeightsEnabled } from "./pallets/subtensor/storage.ts";
import { networkIds } from "./pallets/subtensor/subnets.ts";
import type { State, StateReader } from "./state.ts";

/** Known to all: this beacon hides nothing from anybody, it only takes part. */
const SECRET = bls12_381.fields.Fr.create(BigInt(`0x${toHex(sha256(utf8("btstore devnet beacon")))}`));

/** Pulses made up for in one block after a stall; older ones are never published. */
const PULSES_MAX = 50;

/** Makes the beacon the chain's, with quicknet's timetable as much faster as the chain's blocks are, in whole seconds. */
export function installBeacon(state: State, blockMs: number): void {
  const public_key = bls12_381.G2.Point.BASE.multiply(SECRET).toBytes(true);
  const period = Math.max(1, Math.round((QUICKNET.period * blockMs) / STANDARD_BLOCK_MS));
  BeaconConfig.set(state, [], { ...QUICKNET, public_key, period, hash: sha256(public_key), metadata: { beacon_id: utf8("devnet") } });
}

/** Stores the pulses that are due at a block's time. Nothing is signed while no subnet has commit-reveal on. */
export function publishPulses(context: Pick<Context, "state" | "emit">, timeMs: number): void {
  const { state } = context;
  if (!isWanted(state)) return;
  const { genesis_time, period } = BeaconConfig.get(state);
  const current = Math.floor((timeMs / 1000 - genesis_time) / period) + 1;
  const last = Number(LastStoredRound.get(state));
  const first = last === 0 ? current : Math.max(last + 1, current - PULSES_MAX + 1);
  const count = current - first + 1;
  if (count < 1) return;
  storePulses(context, Array.from({ length: count }, (_, i) => pulseOf(first + i)));
}

function isWanted(state: StateReader): boolean {
  return networkIds(state).some((netuid) => netuid > 0 && CommitRevealWeightsEnabled.get(state, netuid));
}

function pulseOf(round: number) {
  const signature = pointOfRound(round).multiply(SECRET).toBytes(true);
  return { round: BigInt(round), randomness: sha256(signature), signature };
}
