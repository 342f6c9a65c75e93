/** btstore's own protocol as an axon speaks it: btauth/1 over raw octets (`btauth.ts`, `synapse.ts`). */
import type { Ss58 } from "../core/mod.ts";
import type { Dialect } from "./axon.ts";
import { isFresh, readAuth, verifyRequest } from "./btauth.ts";
import type { RequestAuth } from "./btauth.ts";
import { CONTENT_TYPE } from "./synapse.ts";
import type { Refusal, SynapseName } from "./synapse.ts";

/**
 * Serves one message. `caller` is authenticated, `body` within the table's bounds and otherwise unchecked.
 *
 * What a peer did wrong comes back as a `Refusal`; a thrown error is ours and becomes 500.
 */
export type SynapseHandler = (caller: Ss58, body: Uint8Array) => Promise<Uint8Array | Refusal>;

export type NativeRoutes = Partial<Readonly<Record<SynapseName, SynapseHandler>>>;

/** @param routes Messages without a handler are never asked for. */
export function nativeDialect(routes: NativeRoutes): Dialect<SynapseName, RequestAuth, Uint8Array> {
  return {
    readAuth,
    staleness: (auth, nowMs) => (isFresh(auth.nonce, nowMs) ? null : "StaleRequest"),
    prove: (auth, _name, target, body) => (verifyRequest(auth, { method: "POST", target, body }) ? body : "BadSignature"),
    serve: (auth, name, body) => routes[name]!(auth.sender, body),
    headers: (_name, status) => ({ "Content-Type": status === 200 ? CONTENT_TYPE : "application/json" }),
  };
}
