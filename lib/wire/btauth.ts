/**
 * Signed requests, btauth/1 (Bittensor's `docs/guides/signed-requests.mdx`, `sdk/python/bittensor/http_auth.py`), and
 * our signed answers to them, btstore-resp/1, since the standard leaves answers open.
 *
 * The bytes that are signed must agree with every other implementation and can never change under version 1. A request
 * is eight lines joined by line feeds without a last one: `btauth/1`, scheme, method, target as sent, SHA-256 of the raw
 * body, nonce, sender, receiver. An answer is seven: `btstore-resp/1`, scheme, status, SHA-256 of the raw body, nonce of
 * the request, responder, requester. Scheme is always `sr25519`: what the chain's hotkeys sign with.
 *
 * Nonces are wall-clock nanoseconds, beyond 2^53: they are BigInt here and decimal text on the wire, never a number.
 */
import { concat, fromHex, SIGNATURE_BYTES, toHex, utf8 } from "../core/mod.ts";
import type { Ss58 } from "../core/mod.ts";
import { verifySignature } from "../wallet/mod.ts";
import type { Hotkey } from "../wallet/mod.ts";

/** Why a request does not authenticate, in the order of the checks. The names are the standard's. */
export type AuthFault = "MalformedAuth" | "WrongReceiver" | "StaleRequest" | "BadSignature" | "ReplayedRequest";

/** What the signature of a request covers besides sender, receiver and nonce. */
export type SignedRequest = { readonly method: string; readonly target: string; readonly body: Uint8Array };

/** A request's authentication headers, parsed. Nothing of it is proven before `verifyRequest`. */
export type RequestAuth = {
  readonly sender: Ss58;
  readonly receiver: Ss58;
  /** Wall-clock nanoseconds. */
  readonly nonce: bigint;
  readonly signature: Uint8Array;
};

/** How old a nonce may be, in milliseconds (the standard's default). */
export const MAX_AGE_MS = 10_000;

/** How far a nonce may lie ahead of our clock, in milliseconds (the standard's default). */
export const MAX_SKEW_MS = 2_000;

const NS_PER_MS = 1_000_000n;
const SCHEME = "sr25519";

// 48 characters of base58, prefix 42 always begins with 5. The checksum is not recomputed: an address is compared with
// the metagraph's or with the one that was called, and those were parsed in full.
const ADDRESS = /^5[1-9A-HJ-NP-Za-km-z]{47}$/;
const NONCE = /^[1-9][0-9]{0,19}$/;
const SIGNATURE = new RegExp(`^0x[0-9a-f]{${2 * SIGNATURE_BYTES}}$`);

/** Reads one header, in any case; null if it is missing. `Headers.get` bound to its object is one. */
export type HeaderReader = (name: string) => string | null;

/** SHA-256 by Bun: six times as fast as @noble on an opening's 90 KB, twenty times on a ping. */
function bodyHash(body: Uint8Array): string {
  return Bun.SHA256.hash(body as Uint8Array<ArrayBuffer>, "hex");
}

/**
 * The bytes a request's signature covers.
 *
 * @param scheme `sr25519` for us; the standard's other schemes are here for its test vectors.
 */
export function requestPayload(request: SignedRequest, nonce: bigint, sender: string, receiver: string, scheme = SCHEME): Uint8Array {
  return utf8(["btauth/1", scheme, request.method, request.target, bodyHash(request.body), nonce, sender, receiver].join("\n"));
}

/**
 * Signs a request.
 *
 * @param receiver Hotkey that is to answer. The standard allows to leave it out; we never do.
 * @returns The headers to send beside it.
 */
export function signRequest(hotkey: Hotkey, receiver: Ss58, nonce: bigint, request: SignedRequest): Record<string, string> {
  return {
    "X-Bittensor-Version": "1",
    "X-Bittensor-Hotkey": hotkey.ss58,
    "X-Bittensor-Receiver": receiver,
    "X-Bittensor-Nonce": nonce.toString(),
    "X-Bittensor-Signature": `0x${toHex(hotkey.sign(requestPayload(request, nonce, hotkey.ss58, receiver)))}`,
  };
}

/**
 * Checks the shape of the authentication headers. Costs no cryptography.
 *
 * @returns Null (`MalformedAuth`) if one is missing, doubled or ill-formed, if the request names no receiver, or if it
 *   declares another scheme than sr25519.
 */
export function readAuth(header: HeaderReader): RequestAuth | null {
  const sender = header("x-bittensor-hotkey") ?? "";
  const receiver = header("x-bittensor-receiver") ?? "";
  const nonce = header("x-bittensor-nonce") ?? "";
  const signature = header("x-bittensor-signature") ?? "";
  if (header("x-bittensor-version") !== "1" || (header("x-bittensor-crypto") ?? SCHEME) !== SCHEME) return null;
  if (!ADDRESS.test(sender) || !ADDRESS.test(receiver) || !NONCE.test(nonce) || !SIGNATURE.test(signature)) return null;
  return { sender: sender as Ss58, receiver: receiver as Ss58, nonce: BigInt(nonce), signature: fromHex(signature) };
}

/** Whether a nonce lies between `maxAgeMs` ago and `MAX_SKEW_MS` ahead. `nowMs` is the wall clock. */
export function isFresh(nonce: bigint, nowMs: number, maxAgeMs = MAX_AGE_MS): boolean {
  const now = BigInt(Math.floor(nowMs)) * NS_PER_MS;
  return nonce >= now - BigInt(Math.floor(maxAgeMs)) * NS_PER_MS && nonce <= now + BigInt(MAX_SKEW_MS) * NS_PER_MS;
}

/**
 * Whether the signature is the sender's over exactly this request; false is `BadSignature`.
 *
 * As the standard's own verifier does, a signature over `<Bytes>`…`</Bytes>` around the payload counts too: browser
 * wallets sign nothing else. A wrong signature therefore costs two verifications.
 */
export function verifyRequest(auth: RequestAuth, request: SignedRequest): boolean {
  const payload = requestPayload(request, auth.nonce, auth.sender, auth.receiver);
  return (
    verifySignature(payload, auth.signature, auth.sender) ||
    verifySignature(concat(utf8("<Bytes>"), payload, utf8("</Bytes>")), auth.signature, auth.sender)
  );
}

/** What an answer's signature covers. */
export type SignedResponse = {
  readonly status: number;
  readonly body: Uint8Array;
  /** Nonce of the request that is answered. */
  readonly nonce: bigint;
  readonly requester: Ss58;
};

function responsePayload(response: SignedResponse, responder: Ss58): Uint8Array {
  const { status, body, nonce, requester } = response;
  return utf8(["btstore-resp/1", SCHEME, status, bodyHash(body), nonce, responder, requester].join("\n"));
}

/** Signs an answer; returns the headers to send beside it. */
export function signResponse(hotkey: Hotkey, response: SignedResponse): Record<string, string> {
  return {
    "X-Btstore-Version": "1",
    "X-Btstore-Hotkey": hotkey.ss58,
    "X-Btstore-Nonce": response.nonce.toString(),
    "X-Btstore-Signature": `0x${toHex(hotkey.sign(responsePayload(response, hotkey.ss58)))}`,
  };
}

/**
 * Checks the signature of an answer.
 *
 * @param responder The hotkey that was called; an answer signed by any other is worth nothing.
 * @returns `signed`; `unsigned` if it carries no signature at all; `bad_signature` for everything else, an answer to
 *   another request or to another caller included.
 */
export function verifyResponse(
  header: HeaderReader,
  response: SignedResponse,
  responder: Ss58,
): "signed" | "unsigned" | "bad_signature" {
  const signature = header("x-btstore-signature");
  if (signature === null) return "unsigned";
  const isForUs =
    SIGNATURE.test(signature) &&
    header("x-btstore-version") === "1" &&
    header("x-btstore-hotkey") === responder &&
    header("x-btstore-nonce") === response.nonce.toString();
  if (!isForUs) return "bad_signature";
  return verifySignature(responsePayload(response, responder), fromHex(signature), responder) ? "signed" : "bad_signature";
}

/**
 * Draws the nonces of one sender: wall-clock nanoseconds, strictly increasing while the clock stands or goes back a little.
 *
 * A clock that is set back by more than `MAX_SKEW_MS` is followed: going on from the last nonce would have every axon
 * refuse us until the clock caught up. The clock gives milliseconds; the digits below are random, so that neither that
 * nor two processes that sign with one hotkey are taken for a replay.
 */
export class NonceSource {
  #last = 0n;
  readonly #now: () => number;

  /** @param now Wall clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  next(): bigint {
    const drawn = BigInt(Math.floor(this.#now())) * NS_PER_MS + BigInt(crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000);
    const isSetBack = drawn + BigInt(MAX_SKEW_MS) * NS_PER_MS < this.#last;
    this.#last = drawn > this.#last || isSetBack ? drawn : this.#last + 1n;
    return this.#last;
  }
}
