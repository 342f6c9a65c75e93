/**
 * The axon: what a miner answers other hotkeys with. A function from `Request` to `Response` without any port.
 *
 * It speaks btstore's own protocol and Bittensor's old one; what differs between them is a {@link Dialect}, the order of
 * checks is here and the same for both (DESIGN section 7): shape, size, receiver, freshness, who, rate, signature,
 * replay, then work. All up to the rate read headers only; a stranger never makes us read a body, hash or verify
 * anything. Counters that a lie about one's hotkey could use up (its bucket, its share of the replay store, its requests
 * at work) are touched only after the signature verified; before that only the caller's address is counted (`guard.ts`).
 *
 * Once a caller is authenticated every answer is signed, refusals included, but for 401: a replayed request is not its.
 */
import { BtstoreError } from "../core/mod.ts";
import type { Clock, Log, Ss58 } from "../core/mod.ts";
import type { Hotkey } from "../wallet/mod.ts";
import { readBody } from "./body.ts";
import { signResponse } from "./btauth.ts";
import type { HeaderReader } from "./btauth.ts";
import { Guard, originOf } from "./guard.ts";
import type { Origin } from "./guard.ts";
import { legacyAt } from "./legacy.ts";
import { legacyDialect } from "./legacy_axon.ts";
import type { LegacyRoutes } from "./legacy_axon.ts";
import { OpenCounts, TokenBuckets, WIRE_LIMITS } from "./limits.ts";
import type { MessageName, Rate, WireLimits } from "./limits.ts";
import { nativeDialect } from "./native.ts";
import type { NativeRoutes } from "./native.ts";
import { openReplayStore, ReplayStore } from "./replay.ts";
import { encodeRefusal, outdatedBy, Refusal, REFUSALS, synapseAt } from "./synapse.ts";
import type { RefusalName } from "./synapse.ts";

/** What the metagraph and the operator say about a hotkey. */
export type Standing = {
  readonly isRegistered: boolean;
  readonly hasPermit: boolean;
  /** Why the operator serves it nothing at all, if so. */
  readonly unwelcome?: "Banned" | "NoPermit" | "TooLittleStake";
};

/** Whom a request claims to come from and to be meant for. */
export type Claim = {
  readonly sender: Ss58;
  /** Null if that is not said. */
  readonly receiver: Ss58 | null;
  /** Wall-clock nanoseconds. */
  readonly nonce: bigint;
};

/** One of the protocols an axon speaks. A message that was proven is never a string. */
export interface Dialect<Name extends MessageName, Auth extends Claim, Message extends object> {
  /** The claim in the headers; null if it is ill-formed. */
  readAuth(header: HeaderReader): Auth | null;
  /** Why the nonce is too old or too far ahead, if it is. `nowMs` is the wall clock. */
  staleness(auth: Auth, nowMs: number): RefusalName | null;
  /** Checks signature and body. Returns what was proven to be said, or why the request is refused. */
  prove(auth: Auth, name: Name, target: string, body: Uint8Array): Message | RefusalName;
  /** Does the work; returns the answer's body. */
  serve(auth: Auth, name: Name, message: Message): Promise<Uint8Array | Refusal>;
  /** What an answer's headers say besides our signature; `auth` is null where the caller is not known. */
  headers(name: Name, status: number, text: string, auth: Auth | null): Record<string, string>;
}

export type AxonOptions = {
  readonly hotkey: Hotkey;
  /** Messages without a handler are 404. */
  readonly routes: NativeRoutes;
  /** The same for messages of the old protocol. */
  readonly legacyRoutes?: LegacyRoutes;
  /** Must be quick: it is asked for every well-formed request, also by strangers. Null or unregistered is 403. */
  readonly whoIs: (hotkey: Ss58) => Standing | null;
  readonly clock: Clock;
  readonly log: Log;
  /** Overrides a message's rate for one caller, such as four times the due rate of its audits. */
  readonly rateOf?: (caller: Ss58, name: MessageName) => Rate | undefined;
  readonly limits?: WireLimits;
  /** Where accepted nonces outlive the process (`nonceFile`); only one axon at a time may use it. */
  readonly nonceFile?: string;
  /** Wall clock: nonces up to here are refused, and no file is used. Left out: what `replay.ts` says. */
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
  readonly #native: ReturnType<typeof nativeDialect>;
  readonly #legacy: ReturnType<typeof legacyDialect>;
  readonly #replay: ReplayStore;
  readonly #guard: Guard;
  readonly #hotkeyBuckets: TokenBuckets;
  readonly #refusalBuckets: TokenBuckets;
  readonly #workPerHotkey = new OpenCounts();
  #workCount = 0;

  constructor(options: AxonOptions) {
    this.#options = options;
    this.#limits = options.limits ?? WIRE_LIMITS;
    this.#native = nativeDialect(options.routes);
    this.#legacy = legacyDialect(options.hotkey.ss58, options.legacyRoutes ?? {});
    const { bucketsMax, replayPairsMax, replayPairsPerHotkeyMax } = this.#limits;
    const bounds = { pairsMax: replayPairsMax, pairsPerHotkeyMax: replayPairsPerHotkeyMax };
    const { clock, nonceFile, notBeforeMs } = options;
    this.#replay = notBeforeMs === undefined
      ? openReplayStore(bounds, nonceFile, performance.timeOrigin, clock.now(), clock.monotonic())
      : new ReplayStore(bounds, notBeforeMs);
    this.#guard = new Guard(this.#limits);
    this.#hotkeyBuckets = new TokenBuckets(bucketsMax);
    this.#refusalBuckets = new TokenBuckets(bucketsMax);
  }

  async answer(request: Request, address: string): Promise<Response> {
    try {
      return await this.#route(request, originOf(address));
    } catch (error) {
      this.#logFailure("Answering a request failed", error);
      return refuse(new Refusal("Failed"));
    }
  }

  async #route(request: Request, origin: Origin): Promise<Response> {
    const target = targetOfUrl(request.url);
    const name = synapseAt(target);
    if (name !== null && this.#options.routes[name]) return this.#admit(this.#native, name, target, request, origin);
    const legacyName = legacyAt(target);
    if (legacyName !== null && this.#options.legacyRoutes?.[legacyName]) return this.#admit(this.#legacy, legacyName, target, request, origin);
    return refuse(new Refusal(outdatedBy(target) ?? "NotFound"));
  }

  /** The checks that need headers only. */
  async #admit<Name extends MessageName, Auth extends Claim, Message extends object>(
    dialect: Dialect<Name, Auth, Message>, name: Name, target: string, request: Request, origin: Origin,
  ): Promise<Response> {
    const limits = this.#limits;
    const refuseAs = (refusal: RefusalName | Refusal) => refuseIn(dialect, name, typeof refusal === "string" ? new Refusal(refusal) : refusal);
    if (request.method !== "POST") return refuseAs("MethodNotAllowed");
    if (headerBytes(request.headers) > limits.headerBytesMax) return refuseAs("HeaderTooLarge");
    const auth = dialect.readAuth((header) => request.headers.get(header));
    if (auth === null) return refuseAs("MalformedAuth");

    const lengthText = request.headers.get("content-length");
    if (lengthText === null || request.headers.has("transfer-encoding")) return refuseAs("LengthRequired");
    if (!/^[0-9]{1,15}$/.test(lengthText)) return refuseAs("MalformedRequest");
    const length = Number(lengthText);
    if (length > limits.synapses[name].requestBytesMax) return refuseAs("TooLarge");

    if (auth.receiver !== null && auth.receiver !== this.#options.hotkey.ss58) return refuseAs("WrongReceiver");
    const untimely = dialect.staleness(auth, this.#options.clock.now());
    if (untimely !== null) return refuseAs(untimely);
    if (this.#replay.isBeforeStart(auth.nonce)) return refuseAs("StaleRequest");
    const unwelcome = this.#unwelcome(auth.sender, name);
    if (unwelcome) return refuseAs(unwelcome);

    const rate = this.#rateOf(auth.sender, name);
    const nowMs = this.#options.clock.monotonic();
    const refusal = this.#guard.admit(origin, nowMs);
    if (refusal) return refuseAs(refusal);
    // A hotkey that used up its tokens and its signed refusals gets unsigned ones. Lies about a hotkey spend neither.
    const key = `${auth.sender} ${name}`;
    const isSpent = !this.#hotkeyBuckets.hasToken(key, rate, nowMs) && !this.#refusalBuckets.hasToken(key, limits.refusalRate, nowMs);
    if (isSpent) return refuseAs(new Refusal("TooManyRequests", this.#hotkeyBuckets.retryAfterSeconds(key, rate, nowMs)));
    // A pair that was accepted can only be refused again: no need to verify it first.
    if (this.#replay.has(auth.sender, auth.nonce)) return refuseAs("ReplayedRequest");

    const intake = this.#guard.mayVerify(origin, nowMs) ? this.#guard.enter(origin, nowMs) : null;
    if (intake === null) return refuseAs(new Refusal("Busy", 1));
    let body: Uint8Array | RefusalName;
    try {
      body = await readBody(request, length, limits.bodyMs + (1000 * length) / limits.bodyBytesPerSecondMin, this.#options.clock, intake);
    } finally {
      this.#guard.leave(origin, intake);
    }
    if (typeof body === "string") return refuseAs(body);

    // Others may have used up the budget for forgeries while the body came in.
    const provenMs = this.#options.clock.monotonic();
    if (!this.#guard.mayVerify(origin, provenMs)) return refuseAs(new Refusal("Busy", 1));
    const message = dialect.prove(auth, name, target, body);
    if (typeof message === "string") {
      this.#guard.onForgery(origin, provenMs);
      return refuseAs(message);
    }
    return this.#answerKnown(dialect, auth, name, message, rate, origin);
  }

  /** Replay and work; from here on the caller is who it says. */
  async #answerKnown<Name extends MessageName, Auth extends Claim, Message extends object>(
    dialect: Dialect<Name, Auth, Message>, auth: Auth, name: Name, message: Message, rate: Rate, origin: Origin,
  ): Promise<Response> {
    const { refusalRate, workMax, workPerHotkeyMax } = this.#limits;
    const nowMs = this.#options.clock.monotonic();
    const recorded = this.#replay.record(auth.sender, auth.nonce, nowMs);
    if (recorded === "replayed") return refuseIn(dialect, name, new Refusal("ReplayedRequest"));
    if (recorded === "full") return this.#sign(dialect, auth, name, new Refusal("Busy", 60));

    const key = `${auth.sender} ${name}`;
    if (!this.#hotkeyBuckets.take(key, rate, nowMs)) {
      this.#refusalBuckets.take(key, refusalRate, nowMs);
      return this.#sign(dialect, auth, name, new Refusal("TooManyRequests", this.#hotkeyBuckets.retryAfterSeconds(key, rate, nowMs)));
    }
    this.#guard.onProof(origin, nowMs);
    if (this.#workCount >= workMax || !this.#workPerHotkey.enter(auth.sender, workPerHotkeyMax)) return this.#sign(dialect, auth, name, new Refusal("Busy", 1));
    this.#workCount++;
    try {
      return this.#sign(dialect, auth, name, await this.#work(name, () => dialect.serve(auth, name, message)));
    } finally {
      this.#workCount--;
      this.#workPerHotkey.leave(auth.sender);
    }
  }

  async #work(name: MessageName, serve: () => Promise<Uint8Array | Refusal>): Promise<Uint8Array | Refusal> {
    try {
      const answer = await serve();
      const bytesMax = this.#limits.synapses[name].responseBytesMax;
      if (answer instanceof Refusal || answer.length <= bytesMax) return answer;
      throw new RangeError(`answer: expected at most ${bytesMax} bytes, got ${answer.length}`);
    } catch (error) {
      this.#logFailure(`Serving "${name}" failed`, error);
      return new Refusal("Failed");
    }
  }

  #sign<Name extends MessageName, Auth extends Claim, Message extends object>(
    dialect: Dialect<Name, Auth, Message>, auth: Auth, name: Name, answer: Uint8Array | Refusal,
  ): Response {
    const refusal = answer instanceof Refusal ? answer : null;
    const body = answer instanceof Refusal ? encodeRefusal(answer.name) : answer;
    const status = refusal?.status ?? 200;
    const signature = signResponse(this.#options.hotkey, { status, body, nonce: auth.nonce, requester: auth.sender });
    const headers = dialect.headers(name, status, refusal === null ? "Success" : REFUSALS[refusal.name][1], auth);
    return refusal === null
      ? new Response(body as Uint8Array<ArrayBuffer>, { status, headers: { ...headers, ...signature } })
      : refuse(refusal, { ...headers, ...signature });
  }

  #unwelcome(sender: Ss58, name: MessageName): RefusalName | null {
    const standing = this.#options.whoIs(sender);
    if (!standing?.isRegistered) return "NotRegistered";
    if (standing.unwelcome) return standing.unwelcome;
    return this.#limits.synapses[name].callers === "permit" && !standing.hasPermit ? "NoPermit" : null;
  }

  #rateOf(caller: Ss58, name: MessageName): Rate {
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

/** The unsigned refusal of a message, in the words of its protocol. */
function refuseIn<Name extends MessageName, Auth extends Claim, Message extends object>(dialect: Dialect<Name, Auth, Message>, name: Name, refusal: Refusal): Response {
  return refuse(refusal, { ...dialect.headers(name, refusal.status, REFUSALS[refusal.name][1], null), Connection: "close" });
}

/**
 * A refusal's answer. An unsigned one ends the connection, so that only callers who were authenticated keep one open;
 * what is left of a body that was not read goes with it.
 */
function refuse(refusal: Refusal, given: Record<string, string> = { "Content-Type": "application/json", Connection: "close" }): Response {
  const headers = { ...given };
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
