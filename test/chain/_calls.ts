/** The calls of `test/vectors/chain-calls.json`, made by the code under test. */
import { encodeIp } from "../../lib/chain/address.ts";
import { encodeRegister, encodeServeAxon, encodeSetWeights, type Encoder } from "../../lib/chain/encode.ts";
import { keypairFromUri } from "../../lib/wallet/mod.ts";

/** @returns Call bytes in hex by the names of the vector file. */
export function encodeAll(encoder: Encoder): Record<string, string> {
  const alice = keypairFromUri("//Alice").ss58;
  const calls = {
    set_weights: encodeSetWeights(encoder, 7, [0, 3, 255], [65_535, 1, 300], 10_002_000),
    set_weights_empty: encodeSetWeights(encoder, 65_535, [], [], 0),
    serve_axon_ipv4: encodeServeAxon(encoder, 7, 10_002_000, encodeIp("203.0.113.7")!, 8091),
    serve_axon_ipv6: encodeServeAxon(encoder, 1, 1, encodeIp("2001:db8::1")!, 65_535),
    burned_register: encodeRegister(encoder, 7, alice),
  };
  // Without a connection a call is the bare call; with one it is an unsigned extrinsic around it.
  return Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, "method" in call && typeof call.method === "object" ? call.method.toHex() : call.toHex()]));
}
