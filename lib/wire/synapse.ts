/**
 * The messages of btstore's native protocol: their names, their routes and what a refusal may say.
 *
 * Every message is `POST /btstore/1/<Name>` with raw octets as the body, both ways; what the octets mean belongs to
 * `lib/audit/message.ts`. Refusals carry a short JSON text with one of the names below, and nothing else is ever read
 * from a refusal: peer bytes do not travel any further. Names and routes are protocol: they can be added to, not changed.
 */
import { readU16le, u16le } from "../core/mod.ts";

/** Native messages. Each has its row in the table of `limits.ts`. */
export const SYNAPSE_NAMES = ["Ping", "Declaration", "Hops", "Openings", "Notice"] as const;

export type SynapseName = (typeof SYNAPSE_NAMES)[number];

/** Of the native protocol; a version that cannot be understood by its predecessor gets another number, and prefix. */
export const PROTOCOL_VERSION = 1;

const ROUTE_PREFIX = `/btstore/${PROTOCOL_VERSION}/`;

export const CONTENT_TYPE = "application/octet-stream";

const nameByTarget: ReadonlyMap<string, SynapseName> = new Map(SYNAPSE_NAMES.map((name) => [ROUTE_PREFIX + name, name]));

/** Request target of a message, as it is sent and signed. */
export function targetOf(name: SynapseName): string {
  return ROUTE_PREFIX + name;
}

/** The message a request target names; null for every other text, a query string included. */
export function synapseAt(target: string): SynapseName | null {
  return nameByTarget.get(target) ?? null;
}

/** Who must upgrade, if a request target is of another version of the native protocol than ours; null if it is of none. */
export function outdatedBy(target: string): "CallerOutdated" | "AxonOutdated" | null {
  const version = /^\/btstore\/([0-9]{1,9})\//.exec(target)?.[1];
  if (version === undefined || Number(version) === PROTOCOL_VERSION) return null;
  return Number(version) < PROTOCOL_VERSION ? "CallerOutdated" : "AxonOutdated";
}

/** A ping's answer: the version its axon speaks, two bytes, little-endian. An empty one is version 1's as well. */
export function encodePing(): Uint8Array {
  return u16le(PROTOCOL_VERSION);
}

/** The version in a ping's answer; null if it is none. */
export function decodePing(answer: Uint8Array): number | null {
  if (answer.length === 0) return 1;
  return answer.length === 2 ? readU16le(answer, 0) : null;
}

/** Why a request was refused, with its HTTP status and what the caller can do. Nothing here helps a stranger to guess. */
export const REFUSALS = {
  MalformedRequest: [400, "Send the body whole and as long as Content-Length says"],
  MalformedMessage: [400, "The body is not a valid message of this route: compare the versions"],
  MalformedAuth: [401, "Sign the request with btauth/1, scheme sr25519, bound to a receiver"],
  WrongReceiver: [401, "The request is bound to another hotkey: read the metagraph again"],
  StaleRequest: [401, "The nonce is too old or too far ahead: set this machine's clock and sign again"],
  BadSignature: [401, "The signature does not fit the request: sign the bytes that are sent"],
  ReplayedRequest: [401, "This nonce was used: sign again with a fresh one"],
  BodyHashMismatch: [401, "The signed body hash does not fit the body: hash the fields that README lists for this message"],
  NotRegistered: [403, "Register the hotkey on this subnet"],
  NoPermit: [403, "This message needs a validator permit"],
  TooLittleStake: [403, "This axon serves hotkeys with more stake"],
  Banned: [403, "This hotkey is not welcome here"],
  NotFound: [404, "There is no such route: compare the versions"],
  Unknown: [404, "There is no such thing here: ask for the declaration again"],
  MethodNotAllowed: [405, "Use POST"],
  SlowBody: [408, "The body took too long"],
  LengthRequired: [411, "Send Content-Length"],
  TooLarge: [413, "The request is larger than this message may be"],
  CallerOutdated: [426, "The caller speaks a protocol that is too old: upgrade the caller's software"],
  TooManyRequests: [429, "Wait as long as Retry-After says"],
  HeaderTooLarge: [431, "The headers are larger than a request may have"],
  Failed: [500, "The axon failed; its log says how"],
  NotServed: [501, "This axon does not store values for this message: send files with btstore put"],
  AxonOutdated: [501, "The caller speaks a newer protocol: the miner has to upgrade its btstore"],
  Busy: [503, "Too much at once: wait as long as Retry-After says"],
} as const satisfies Readonly<Record<string, readonly [status: number, message: string]>>;

export type RefusalName = keyof typeof REFUSALS;

/** What a handler returns instead of bytes when the message cannot be served. Signed like any answer. */
export class Refusal {
  readonly name: RefusalName;
  /** Whole seconds after which trying again makes sense; null where it does not. */
  readonly retryAfterSeconds: number | null;

  constructor(name: RefusalName, retryAfterSeconds: number | null = null) {
    this.name = name;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  get status(): number {
    return REFUSALS[this.name][0];
  }
}

const encoder = new TextEncoder();

/** The body of a refusal: `{"error":"…","message":"…"}`. */
export function encodeRefusal(name: RefusalName): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify({ error: name, message: REFUSALS[name][1] }));
}

/** A refusal's body can be no longer than this, in bytes; a client reads no further. */
export const REFUSAL_BYTES_MAX = 512;

/** The name in a refusal's body, if it is one of ours; `unnamed` for anything else. */
export function decodeRefusal(body: Uint8Array): RefusalName | "unnamed" {
  if (body.length > REFUSAL_BYTES_MAX) return "unnamed";
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(body));
    const name = typeof parsed === "object" && parsed !== null && "error" in parsed ? parsed.error : null;
    return typeof name === "string" && Object.hasOwn(REFUSALS, name) ? (name as RefusalName) : "unnamed";
  } catch {
    return "unnamed";
  }
}
