/**
 * The old dendrite (`legacy.ts`): calls one axon of SDK 7.2 to 10, or ours. Not timed; audits never go this way.
 *
 * Python axons sign no answer, so their fields are worth what the network path is worth. Whatever a peer does is an
 * outcome, never an exception.
 */
import { isIP } from "node:net";
import { toHex } from "../core/mod.ts";
import type { Clock, Ss58 } from "../core/mod.ts";
import type { Hotkey } from "../wallet/mod.ts";
import { NonceSource, verifyResponse } from "./btauth.ts";
import { legacyBody, legacyBodyHash, legacyHeaders, legacyPayload, parseJsonObject } from "./legacy.ts";
import type { LegacyMessage, LegacyName } from "./legacy.ts";
import { WIRE_LIMITS } from "./limits.ts";

/** How a call ended. Texts of a peer go no further than its status. */
export type LegacyOutcome =
  /** `isSigned`: by the hotkey that was called, which only btstore's axons do. */
  | { readonly kind: "ok"; readonly fields: Readonly<Record<string, unknown>>; readonly isSigned: boolean }
  | { readonly kind: "refused"; readonly status: number }
  | { readonly kind: "offline" | "late" | "badAnswer" };

/** Announced as our SDK version: nonces tell the time. */
const VERSION = 10_005_000;

export class LegacyDendrite {
  readonly #hotkey: Hotkey;
  readonly #nonces: NonceSource;

  constructor(options: { hotkey: Hotkey; clock: Clock }) {
    this.#hotkey = options.hotkey;
    this.#nonces = new NonceSource(() => options.clock.now());
  }

  /**
   * Sends one message and waits for its answer.
   *
   * @param fields The message's own; those its hash covers must be texts.
   * @param timeoutMs For all of it, in milliseconds, 1 to 600,000.
   */
  async call(peer: { hotkey: Ss58; ip: string; port: number }, name: LegacyName, fields: Readonly<Record<string, unknown>>, timeoutMs: number): Promise<LegacyOutcome> {
    const message = this.sign(peer, name, fields, timeoutMs / 1000);
    const host = isIP(peer.ip) === 6 ? `[${peer.ip}]` : peer.ip;
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(`http://${host}:${peer.port}/${name}`, {
        method: "POST", headers: legacyHeaders(message), body: legacyBody(message) as Uint8Array<ArrayBuffer>, redirect: "manual", decompress: false, signal,
      });
      const body = await readAtMost(response, WIRE_LIMITS.synapses[name].responseBytesMax);
      if (response.status !== 200) return { kind: "refused", status: response.status };
      const answer = body && parseJsonObject(body);
      if (!body || !answer) return { kind: "badAnswer" };
      const signed = verifyResponse((header) => response.headers.get(header), { status: 200, body, nonce: message.dendrite.nonce!, requester: this.#hotkey.ss58 }, peer.hotkey);
      return signed === "bad_signature" ? { kind: "badAnswer" } : { kind: "ok", fields: answer, isSigned: signed === "signed" };
    } catch {
      return { kind: signal.aborted ? "late" : "offline" };
    }
  }

  /** A message ready to be sent. Each has a uuid of its own: Python axons want the nonces of one uuid in order. */
  sign(peer: { hotkey: Ss58; ip: string; port: number }, name: LegacyName, fields: Readonly<Record<string, unknown>>, timeoutSeconds: number): LegacyMessage {
    const nonce = this.#nonces.next();
    const uuid = crypto.randomUUID();
    const bodyHash = legacyBodyHash(name, fields);
    const signature = this.#hotkey.sign(legacyPayload({ sender: this.#hotkey.ss58, nonce, uuid, bodyHash }, peer.hotkey));
    return {
      name, timeoutSeconds, fields, bodyHash,
      dendrite: { version: VERSION, nonce, uuid, hotkey: this.#hotkey.ss58, signature: `0x${toHex(signature)}` },
      axon: { ip: peer.ip, port: peer.port, hotkey: peer.hotkey },
    };
  }
}

/** A body of at most so many bytes; null for a longer one. */
async function readAtMost(response: Response, bytesMax: number): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > bytesMax) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}
