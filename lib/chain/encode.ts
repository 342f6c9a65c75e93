/**
 * The calls we make, by name and argument order of `pallets/subtensor/src/macros/dispatches.rs` (facts 3.3). Indexes and
 * types come from the connected runtime's metadata; `test/vectors/chain-calls.json` holds the bytes of spec 393.
 */
import type { ApiPromise } from "@polkadot/api";
import { type Ss58, toHex } from "../core/mod.ts";
import type { ChainIp } from "./address.ts";
import { SUBTENSOR } from "./link.ts";

/** Anything that encodes calls by the runtime's metadata. */
export type Encoder = Pick<ApiPromise, "tx">;

/** Protocol number that every SDK announces. */
export const AXON_PROTOCOL = 4;

/** `burned_register`, or `register_limit` where a price limit is given and the runtime has the call. */
export function encodeRegister({ tx }: Encoder, netuid: number, hotkey: Ss58, priceMax?: bigint) {
  const limited = priceMax === undefined ? undefined : tx[SUBTENSOR]!["registerLimit"];
  return limited ? limited(netuid, hotkey, priceMax) : tx[SUBTENSOR]!["burnedRegister"]!(netuid, hotkey);
}

/** `serve_axon`. */
export function encodeServeAxon({ tx }: Encoder, netuid: number, version: number, ip: ChainIp, port: number) {
  return tx[SUBTENSOR]!["serveAxon"]!(netuid, version, ip.value, port, ip.family, AXON_PROTOCOL, 0, 0);
}

/** The version of timelocked commits that we make; `IncorrectCommitRevealVersion` for any other than the chain's. */
export const COMMIT_REVEAL_VERSION = 4;

/** The subnet's first mechanism, the one that every subnet has. */
const MAIN_MECHANISM = 0;

/** `set_mechanism_weights`; `set_weights` where the runtime is older. */
export function encodeSetWeights({ tx }: Encoder, netuid: number, uids: readonly number[], values: readonly number[], versionKey: number) {
  const byMechanism = tx[SUBTENSOR]!["setMechanismWeights"];
  return byMechanism ? byMechanism(netuid, MAIN_MECHANISM, uids, values, versionKey) : tx[SUBTENSOR]!["setWeights"]!(netuid, uids, values, versionKey);
}

/** `commit_timelocked_mechanism_weights`; `commit_timelocked_weights` where older; null where the runtime has neither. */
export function encodeTimelockedCommit({ tx }: Encoder, netuid: number, commit: Uint8Array, round: number) {
  const byMechanism = tx[SUBTENSOR]!["commitTimelockedMechanismWeights"];
  // As hex: polkadot.js takes raw bytes as already behind their length.
  const hex = `0x${toHex(commit)}`;
  if (byMechanism) return byMechanism(netuid, MAIN_MECHANISM, hex, round, COMMIT_REVEAL_VERSION);
  return tx[SUBTENSOR]!["commitTimelockedWeights"]?.(netuid, hex, round, COMMIT_REVEAL_VERSION) ?? null;
}

/** `commit_weights`. */
export function encodeHashCommit({ tx }: Encoder, netuid: number, hash: Uint8Array) {
  return tx[SUBTENSOR]!["commitWeights"]!(netuid, `0x${toHex(hash)}`);
}

/** `reveal_weights`. */
export function encodeReveal({ tx }: Encoder, netuid: number, uids: readonly number[], values: readonly number[], salt: readonly number[], versionKey: number) {
  return tx[SUBTENSOR]!["revealWeights"]!(netuid, uids, values, salt, versionKey);
}
