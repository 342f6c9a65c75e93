/** The calls of `test/vectors/chain-calls.json`, made by the code under test. */
import { encodeIp } from "../../lib/chain/address.ts";
import {
  type Encoder, encodeHashCommit, encodeRegister, encodeReveal, encodeServeAxon, encodeSetWeights, encodeTimelockedCommit,
} from "../../lib/chain/encode.ts";
import { keypairFromUri } from "../../lib/wallet/mod.ts";

/** The same runtime before these calls came. */
function without({ tx }: Encoder, ...names: string[]): Encoder {
  const pallet = (calls: Record<string, unknown>) => new Proxy(calls, { get: (target, name: string) => (names.includes(name) ? undefined : target[name]) });
  return { tx: new Proxy(tx, { get: (pallets, name: string) => pallet(pallets[name] as never) }) } as Encoder;
}

/** @returns Call bytes in hex by the names of the vector file. */
export function encodeAll(encoder: Encoder): Record<string, string> {
  const alice = keypairFromUri("//Alice").ss58;
  const older = without(encoder, "setMechanismWeights", "commitTimelockedMechanismWeights", "registerLimit");
  const commit = Uint8Array.from({ length: 295 }, (_, i) => i & 0xff);
  const calls = {
    set_mechanism_weights: encodeSetWeights(encoder, 7, [0, 3, 255], [65_535, 1, 300], 10_002_000),
    set_weights: encodeSetWeights(older, 7, [0, 3, 255], [65_535, 1, 300], 10_002_000),
    set_weights_empty: encodeSetWeights(older, 65_535, [], [], 0),
    commit_timelocked_mechanism_weights: encodeTimelockedCommit(encoder, 7, commit, 34_192_915)!,
    commit_timelocked_weights: encodeTimelockedCommit(older, 7, commit, 34_192_915)!,
    commit_weights: encodeHashCommit(encoder, 7, commit.subarray(0, 32)),
    reveal_weights: encodeReveal(encoder, 7, [0, 3, 255], [65_535, 1, 300], [1, 2, 65_535], 10_002_000),
    serve_axon_ipv4: encodeServeAxon(encoder, 7, 10_002_000, encodeIp("203.0.113.7")!, 8091),
    serve_axon_ipv6: encodeServeAxon(encoder, 1, 1, encodeIp("2001:db8::1")!, 65_535),
    burned_register: encodeRegister(older, 7, alice, 1_000_000_000n),
  };
  // Without a connection a call is the bare call; with one it is an unsigned extrinsic around it.
  return Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, "method" in call && typeof call.method === "object" ? call.method.toHex() : call.toHex()]));
}
