/** The old axon protocol (`legacy.ts`) as an axon speaks it. */
import type { Ss58 } from "../core/mod.ts";
import { verifySignature } from "../wallet/mod.ts";
import type { Dialect } from "./axon.ts";
import { isFresh } from "./btauth.ts";
import { legacyBody, legacyBodyHash, legacyHeaders, legacyPayload, readLegacyAuth, readLegacyFields, VERSION_WITH_TIME } from "./legacy.ts";
import type { LegacyAuth, LegacyFields, LegacyMessage, LegacyName } from "./legacy.ts";
import { Refusal } from "./synapse.ts";

/**
 * Serves one message of the old protocol. `caller` is authenticated, `fields` are what its signature covers.
 *
 * @returns The fields to answer with, as JSON has them; a thrown error is ours and becomes 500.
 */
export type LegacyHandler = (caller: Ss58, fields: LegacyFields) => Promise<Readonly<Record<string, unknown>> | Refusal>;

export type LegacyRoutes = Partial<Readonly<Record<LegacyName, LegacyHandler>>>;

/** What answers echo where nothing is known of the request: the old default, in seconds. */
const TIMEOUT_S = 12;

/**
 * @param self The axon's hotkey: the signature must be bound to it, whatever the headers say.
 * @param routes Messages without a handler are never asked for.
 */
export function legacyDialect(self: Ss58, routes: LegacyRoutes): Dialect<LegacyName, LegacyAuth, LegacyFields> {
  const message = (name: LegacyName, status: number, text: string, auth: LegacyAuth | null, fields: Record<string, unknown>): LegacyMessage => ({
    name,
    timeoutSeconds: auth?.timeoutSeconds ?? TIMEOUT_S,
    axon: { status_code: status, status_message: text, hotkey: self },
    dendrite: auth === null ? {} : { hotkey: auth.sender, nonce: auth.nonce, uuid: auth.uuid },
    fields,
    bodyHash: auth?.bodyHash ?? "",
  });
  return {
    readAuth: readLegacyAuth,
    staleness(auth, nowMs) {
      if (isFresh(auth.nonce, nowMs, auth.maxAgeMs)) return null;
      return auth.version !== null && auth.version < VERSION_WITH_TIME ? "CallerOutdated" : "StaleRequest";
    },
    prove(auth, name, _target, body) {
      if (!verifySignature(legacyPayload(auth, self), auth.signature, auth.sender)) return "BadSignature";
      const fields = readLegacyFields(name, body);
      if (fields === null) return "MalformedMessage";
      return legacyBodyHash(name, fields) === auth.bodyHash ? fields : "BodyHashMismatch";
    },
    async serve(auth, name, fields) {
      const answer = await routes[name]!(auth.sender, fields);
      return answer instanceof Refusal ? answer : legacyBody(message(name, 200, "Success", auth, { ...fields, ...answer }));
    },
    headers: (name, status, text, auth) => legacyHeaders(message(name, status, text, auth, {})),
  };
}
