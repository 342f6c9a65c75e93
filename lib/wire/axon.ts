/**
 * The axon: what a miner answers other hotkeys with. A function from `Request` to `Response` without any port.
 *
 * Order of checks (DESIGN section 7): shape, size, receiver, freshness, who, rate, signature, replay, then work. All up
 * to the rate read headers only; a stranger never makes us read a body, hash or verify anything. Counters that a lie
 * about one's hotkey could use up (its bucket, its share of the replay store, its requests at work) are touched only
 * after the signature verified; before that only the caller's address is counted.
 *
 * Once a caller is authenticated every answer is signed, refusals included, but for 401: a replayed request is not its.
 */
import { BtstoreError } from "../core/mod.ts";
import type { Clock, Log, Ss58 } from "../core/mod.ts";
import { isFresh, readAuth, signResponse, verifyRequest } from "./btauth.ts";
import type { RequestAuth } from "./btauth.ts";
import type { Hotkey } from "../wallet/mod.ts";
import { readBody } from "./body.ts";
import { OpenCounts, TokenBuckets, WIRE_LIMITS } from "./limits.ts";
import type { Rate, WireLimits } from "./limits.ts";
import { earliestNonceMs, ReplayStore } from "./replay.ts";
import { CONTENT_TYPE, encodeRefusal, Refusal, synapseAt } from "./synapse.ts";
import type { RefusalName, SynapseName } from "./synapse.ts";

/** What the metagraph and the operator say about a hotkey. */
export type Standing = { readonly isRegistered: boolean; readonly hasPermit: boolean; readonly isBanned?: boolean };

/**
 * Serves one message. `caller` is authenticated, `body` within the table's bounds and otherwise unchecked.
 *
 * What a peer did wrong comes back as a `Refusal`; a thrown error is ours and becomes 500.
 */
export type SynapseHandler = (caller: Ss58, body: Uint8Array) => Promise<Uint8Array | Refusal>;

export type AxonOptions = {
  readonly hotkey: Hotkey;
  /** Messages without a handler are 404. */
  readonly routes: Partial<Readonly<Record<SynapseName, SynapseHandler>>>;
  /** Must be quick: it is asked for every well-formed request, also by strangers. Null or unregistered is 403. */
  readonly whoIs: (hotkey: Ss58) => Standing | null;
  readonly clock: Clock;
  readonly log: Log;
  /** Overrides a message's rate for one caller, such as four times the due rate of its audits. */
  readonly rateOf?: (caller: Ss58, name: SynapseName) => Rate | undefined;
  readonly limits?: WireLimits;
  /** Wall clock: nonces up to here are refused (`replay.ts` says why). Left out: the start of this process + 2 s. */
  readonly notBeforeMs?: number;
};

/** Answers a request that came from `address` (text of an IPv4 or IPv6 address). Never rejects. */
export type AxonHandler = (request: Request, address: string) => Promise<Response>;

/** Makes the axon of one hotkey. Each axon has its own replay store and buckets: serve a hotkey through one only. */
export function createAxon(options: AxonOptions): AxonHandler {
  const axon = new Axon(options);
  return (request, address) => axon.answer(request, address);
}

class Axon {
  readonly #options: AxonOptions;
  readonly #limits: WireLimits;
  readonly #replay: ReplayStore;
  readonly #addressBuckets: TokenBuckets;
  readonly #hotkeyBuckets: TokenBuckets;
  readonly #refusalBuckets: TokenBuckets;
  readonly #openPerAddress = new OpenCounts();
  readonly #workPerHotkey = new OpenCounts();
  #openCount = 0;

  constructor(options: AxonOptions) {
    this.#options = options;
    this.#limits = options.limits ?? WIRE_LIMITS;
    const { bucketsMax, replayPairsMax, replayPairsPerHotkeyMax } = this.#limits;
    const bounds = { pairsMax: replayPairsMax, pairsPerHotkeyMax: replayPairsPerHotkeyMax };
    this.#replay = new ReplayStore(bounds, options.notBeforeMs ?? earliestNonceMs(performance.timeOrigin));
    this.#addressBuckets = new TokenBuckets(bucketsMax);
    this.#hotkeyBuckets = new TokenBuckets(bucketsMax);
    this.#refusalBuckets = new TokenBuckets(bucketsMax);
  }

  async answer(request: Request, address: string): Promise<Response> {
    if (this.#openCount >= this.#limits.openMax) return refuse(new Refusal("Busy", 1));
    this.#openCount++;
    try {
      return await this.#admit(request, bucketKey(address));
    } catch (error) {
      this.#logFailure("Answering a request failed", error);
      return refuse(new Refusal("Failed"));
    } finally {
      this.#openCount--;
    }
  }

  /** The checks that need headers only. */
  async #admit(request: Request, addressKey: string): Promise<Response> {
    const limits = this.#limits;
    const target = targetOfUrl(request.url);
    const name = synapseAt(target);
    if (name === null || !this.#options.routes[name]) return refuse(new Refusal("NotFound"));
    if (request.method !== "POST") return refuse(new Refusal("MethodNotAllowed"));
    if (headerBytes(request.headers) > limits.headerBytesMax) return refuse(new Refusal("HeaderTooLarge"));
    const auth = readAuth((header) => request.headers.get(header));
    if (auth === null) return refuse(new Refusal("MalformedAuth"));

    const lengthText = request.headers.get("content-length");
    if (lengthText === null || request.headers.has("transfer-encoding")) return refuse(new Refusal("LengthRequired"));
    if (!/^[0-9]{1,15}$/.test(lengthText)) return refuse(new Refusal("MalformedRequest"));
    const length = Number(lengthText);
    if (length > limits.synapses[name].requestBytesMax) return refuse(new Refusal("TooLarge"));

    if (auth.receiver !== this.#options.hotkey.ss58) return refuse(new Refusal("WrongReceiver"));
    const isTimely = isFresh(auth.nonce, this.#options.clock.now()) && !this.#replay.isBeforeStart(auth.nonce);
    if (!isTimely) return refuse(new Refusal("StaleRequest"));
    const unwelcome = this.#unwelcome(auth.sender, name);
    if (unwelcome) return refuse(new Refusal(unwelcome));

    const rate = this.#rateOf(auth.sender, name);
    const nowMs = this.#options.clock.monotonic();
    if (!this.#addressBuckets.take(addressKey, limits.addressRate, nowMs)) {
      return refuse(new Refusal("TooManyRequests", this.#addressBuckets.retryAfterSeconds(addressKey, limits.addressRate, nowMs)));
    }
    // A hotkey that used up its tokens and its signed refusals gets unsigned ones. Lies about a hotkey spend neither.
    const key = `${auth.sender} ${name}`;
    const isSpent = !this.#hotkeyBuckets.hasToken(key, rate, nowMs) && !this.#refusalBuckets.hasToken(key, limits.refusalRate, nowMs);
    if (isSpent) return refuse(new Refusal("TooManyRequests", this.#hotkeyBuckets.retryAfterSeconds(key, rate, nowMs)));
    // A pair that was accepted can only be refused again: no need to verify it first.
    if (this.#replay.has(auth.sender, auth.nonce)) return refuse(new Refusal("ReplayedRequest"));

    if (!this.#openPerAddress.enter(addressKey, limits.openPerAddressMax)) return refuse(new Refusal("Busy", 1));
    let body: Uint8Array | RefusalName;
    try {
      body = await readBody(request, length, limits.bodyMs, this.#options.clock);
    } finally {
      this.#openPerAddress.leave(addressKey);
    }
    if (typeof body === "string") return refuse(new Refusal(body));
    return this.#authenticate(auth, name, target, body, rate, addressKey);
  }

  /** Signature and replay; from here on the caller is who it says. */
  async #authenticate(auth: RequestAuth, name: SynapseName, target: string, body: Uint8Array, rate: Rate, addressKey: string): Promise<Response> {
    const { addressRate, badSignatureTokens, refusalRate, workPerHotkeyMax } = this.#limits;
    const nowMs = this.#options.clock.monotonic();
    if (!verifyRequest(auth, { method: "POST", target, body })) {
      this.#addressBuckets.charge(addressKey, addressRate, nowMs, badSignatureTokens);
      return refuse(new Refusal("BadSignature"));
    }
    const recorded = this.#replay.record(auth.sender, auth.nonce, nowMs);
    if (recorded === "replayed") return refuse(new Refusal("ReplayedRequest"));
    if (recorded === "full") return this.#sign(auth, new Refusal("Busy", 60));

    const key = `${auth.sender} ${name}`;
    if (!this.#hotkeyBuckets.take(key, rate, nowMs)) {
      this.#refusalBuckets.take(key, refusalRate, nowMs);
      return this.#sign(auth, new Refusal("TooManyRequests", this.#hotkeyBuckets.retryAfterSeconds(key, rate, nowMs)));
    }
    if (!this.#workPerHotkey.enter(auth.sender, workPerHotkeyMax)) return this.#sign(auth, new Refusal("Busy", 1));
    try {
      return this.#sign(auth, await this.#work(auth.sender, name, body));
    } finally {
      this.#workPerHotkey.leave(auth.sender);
    }
  }

  async #work(caller: Ss58, name: SynapseName, body: Uint8Array): Promise<Uint8Array | Refusal> {
    try {
      const answer = await this.#options.routes[name]!(caller, body);
      const bytesMax = this.#limits.synapses[name].responseBytesMax;
      if (answer instanceof Refusal || answer.length <= bytesMax) return answer;
      throw new RangeError(`answer: expected at most ${bytesMax} bytes, got ${answer.length}`);
    } catch (error) {
      this.#logFailure(`Serving "${name}" failed`, error);
      return new Refusal("Failed");
    }
  }

  #sign(auth: RequestAuth, answer: Uint8Array | Refusal): Response {
    const status = answer instanceof Refusal ? answer.status : 200;
    const body = answer instanceof Refusal ? encodeRefusal(answer.name) : answer;
    const headers = signResponse(this.#options.hotkey, { status, body, nonce: auth.nonce, requester: auth.sender });
    if (answer instanceof Refusal) return refuse(answer, headers);
    return new Response(body as Uint8Array<ArrayBuffer>, { status, headers: { ...headers, "Content-Type": CONTENT_TYPE } });
  }

  #unwelcome(sender: Ss58, name: SynapseName): RefusalName | null {
    const standing = this.#options.whoIs(sender);
    if (!standing?.isRegistered) return "NotRegistered";
    if (standing.isBanned) return "Banned";
    return this.#limits.synapses[name].callers === "permit" && !standing.hasPermit ? "NoPermit" : null;
  }

  #rateOf(caller: Ss58, name: SynapseName): Rate {
    return this.#options.rateOf?.(caller, name) ?? this.#limits.synapses[name].rate;
  }

  #logFailure(message: string, error: unknown): void {
    this.#options.log.error(message, describeFailure(error));
  }
}

/** Parsers repeat what they were fed, so only messages written by us are logged; of all others the kind and the place. */
function describeFailure(error: unknown): { error: string; place: string } {
  if (!(error instanceof Error)) return { error: typeof error, place: "" };
  const isOurs = error instanceof BtstoreError || error instanceof RangeError;
  const frames = (error.stack ?? "").split(error.message).at(-1) ?? "";
  return { error: isOurs ? error.message : error.name, place: /\bat [^\n]*/.exec(frames)?.[0] ?? "" };
}

/**
 * A refusal's answer. An unsigned one ends the connection, so that only callers who were authenticated keep one open;
 * what is left of a body that was not read goes with it.
 */
function refuse(refusal: Refusal, signature: Record<string, string> = { Connection: "close" }): Response {
  const headers: Record<string, string> = { ...signature, "Content-Type": "application/json" };
  if (refusal.retryAfterSeconds !== null) headers["Retry-After"] = String(refusal.retryAfterSeconds);
  if (refusal.name === "MethodNotAllowed") headers.Allow = "POST";
  return new Response(encodeRefusal(refusal.name), { status: refusal.status, headers });
}

/** The request target within a URL. Bun gives a bare path where the Host header is no host. */
function targetOfUrl(url: string): string {
  if (url.startsWith("/")) return url;
  const authority = url.indexOf("//");
  const path = url.indexOf("/", authority + 2);
  return path < 0 ? "/" : url.slice(path);
}

function headerBytes(headers: Headers): number {
  let bytes = 0;
  for (const [name, value] of headers) bytes += name.length + value.length;
  return bytes;
}

/** An address's bucket: IPv4 as it is, also where it comes mapped into IPv6; of IPv6 the /64 that one subscriber has. */
export function bucketKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  if (!address.includes(":")) return address;
  const [left = "", right] = (address.split("%")[0] ?? "").split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = right === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  return [...head, ...Array<string>(zeros).fill("0"), ...tail].slice(0, 4).join(":");
}
