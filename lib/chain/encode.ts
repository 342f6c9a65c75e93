/**
 * The calls we make, by name and argument order of `pallets/subtensor/src/macros/dispatches.rs` (facts 3.3). Indexes and
 * types come from the connected runtime's metadata; `test/vectors/chain-calls.json` holds the bytes of spec 393.
 */
import type { ApiPromise } from "@polkadot/api";
import type { Ss58 } from "../core/mod.ts";
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

/** `set_weights`. */
export function encodeSetWeights({ tx }: Encoder, netuid: number, uids: readonly number[], values: readonly number[], versionKey: number) {
  return tx[SUBTENSOR]!["setWeights"]!(netuid, uids, values, versionKey);
}
