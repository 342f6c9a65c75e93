/**
 * The dendrite: calls axons, and says how each call ended. Signing and checking happen here, on the caller's thread;
 * the exchange itself is carried out and timed by a worker (`timer.ts`), so that no computing here delays a timestamp.
 *
 * Whatever a peer does is an outcome, never an exception.
 */
import { isIP } from "node:net";
import { BtstoreError, concat, systemClock, utf8 } from "../core/mod.ts";
import type { Clock, Ss58 } from "../core/mod.ts";
import type { Hotkey } from "../wallet/mod.ts";
import { NonceSource, signRequest, verifyResponse } from "./btauth.ts";
import type { TimerReport, TimerRequest } from "./exchange.ts";
import { WIRE_LIMITS } from "./limits.ts";
import type { WireLimits } from "./limits.ts";
import { CONTENT_TYPE, decodeRefusal, REFUSAL_BYTES_MAX, targetOf } from "./synapse.ts";
import type { RefusalName, SynapseName } from "./synapse.ts";

/** Whom to call: the hotkey that must answer, and where the chain says it is. */
export type Peer = { readonly hotkey: Ss58; readonly ip: string; readonly port: number };

/** When it happened: `elapsedMs` from before the first byte out to after the last byte in, `lagMs` the timing worker's longest stall meanwhile. */
export type Timing = { readonly elapsedMs: number; readonly lagMs: number };

/** How a call ended. */
export type Outcome =
  | ({ readonly kind: "ok"; readonly body: Uint8Array } & Timing)
  /** It answered with another status. `isSigned`: by the hotkey that was called; others may be anybody's. */
  | ({ readonly kind: "refused"; readonly status: number; readonly reason: RefusalName | "unnamed"; readonly isSigned: boolean; readonly retryAfterSeconds: number | null } & Timing)
  /** No address, no connection, or closed without an answer. */
  | ({ readonly kind: "offline"; readonly fault: "no_address" | "unreachable" | "closed" } & Timing)
  /** Connected, but the answer was not whole within `timeoutMs`. */
  | ({ readonly kind: "late" } & Timing)
  /** It answered, but not as its hotkey must. */
  | ({ readonly kind: "badAnswer"; readonly fault: "unsigned" | "bad_signature" | "too_large" | "malformed" } & Timing)
  /** The caller's signal, or `close()`. */
  | ({ readonly kind: "cancelled" } & Timing);

export type CallOptions = { readonly timeoutMs: number; readonly signal?: AbortSignal };

/** The longest Retry-After that is believed, in seconds. */
const RETRY_AFTER_MAX_S = 3600;

const UNTIMED: Timing = { elapsedMs: 0, lagMs: 0 };

type Pending = { resolve(report: TimerReport): void; reject(error: Error): void };

export class Dendrite {
  readonly #hotkey: Hotkey;
  readonly #limits: WireLimits;
  readonly #nonces: NonceSource;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  #lastId = 0;
  #isClosed = false;

  constructor(options: { hotkey: Hotkey; clock?: Clock; limits?: WireLimits }) {
    const clock = options.clock ?? systemClock;
    this.#hotkey = options.hotkey;
    this.#limits = options.limits ?? WIRE_LIMITS;
    this.#nonces = new NonceSource(() => clock.now());
  }

  /**
   * Sends one message and waits for its answer.
   *
   * @param body At most what the message's row in the table of limits allows.
   * @param options.timeoutMs For the exchange, in milliseconds, 1 to 600,000; opening a connection has its own limit.
   * @throws {RangeError} If the body or the time-out is out of range.
   * @throws {BtstoreError} `network` if the dendrite is closed or its worker cannot run: says nothing about the peer.
   */
  async call(peer: Peer, name: SynapseName, body: Uint8Array, options: CallOptions): Promise<Outcome> {
    const { requestBytesMax, responseBytesMax } = this.#limits.synapses[name];
    if (body.length > requestBytesMax) throw new RangeError(`body: expected at most ${requestBytesMax} bytes, got ${body.length}`);
    if (!(options.timeoutMs >= 1 && options.timeoutMs <= 600_000)) {
      throw new RangeError(`timeoutMs: expected 1 to 600000, got ${options.timeoutMs}`);
    }
    if (this.#isClosed) throw new BtstoreError("network", "Cannot call an axon: the dendrite is closed");
    if (options.signal?.aborted) return { kind: "cancelled", ...UNTIMED };
    if (!isCallable(peer)) return { kind: "offline", fault: "no_address", ...UNTIMED };

    const target = targetOf(name);
    const nonce = this.#nonces.next();
    const headers = signRequest(this.#hotkey, peer.hotkey, nonce, { method: "POST", target, body });
    const report = await this.#exchange(peer, requestBytes(peer, target, headers, body), Math.max(responseBytesMax, REFUSAL_BYTES_MAX), options);
    const timing = { elapsedMs: report.elapsedMs, lagMs: report.lagMs };
    const { result } = report;
    switch (result.kind) {
      case "late":
      case "cancelled":
        return { kind: result.kind, ...timing };
      case "unreachable":
      case "closed":
        return { kind: "offline", fault: result.kind, ...timing };
      case "malformed":
      case "too_large":
        return { kind: "badAnswer", fault: result.kind, ...timing };
      case "answer": {
        const { status, body: answer } = result;
        const header = (field: string) => result.headers[field] ?? null;
        const signed = verifyResponse(header, { status, body: answer, nonce, requester: this.#hotkey.ss58 }, peer.hotkey);
        if (status !== 200) {
          const seconds = header("retry-after") ?? "";
          const retryAfterSeconds = /^[0-9]{1,9}$/.test(seconds) ? Math.min(Number(seconds), RETRY_AFTER_MAX_S) : null;
          return { kind: "refused", status, reason: decodeRefusal(answer), isSigned: signed === "signed", retryAfterSeconds, ...timing };
        }
        return signed === "signed" ? { kind: "ok", body: answer, ...timing } : { kind: "badAnswer", fault: signed, ...timing };
      }
    }
  }

  /** Cancels what is under way, closes the connections and the worker. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    this.#worker = null;
    if (!worker) return;
    for (const [id, { resolve }] of this.#pending) resolve({ id, result: { kind: "cancelled" }, ...UNTIMED });
    this.#pending.clear();
    const closed = new Promise<void>((resolve) => worker.addEventListener("close", () => resolve(), { once: true }));
    worker.ref();
    this.#send({ kind: "close" }, worker);
    await closed;
  }

  #exchange(peer: Peer, bytes: Uint8Array<ArrayBuffer>, responseBytesMax: number, { timeoutMs, signal }: CallOptions): Promise<TimerReport> {
    const worker = (this.#worker ??= this.#start());
    const id = ++this.#lastId;
    const cancel = () => this.#send({ kind: "cancel", id }, worker);
    signal?.addEventListener("abort", cancel, { once: true });
    return new Promise<TimerReport>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      worker.ref();
      const order: TimerRequest = { kind: "exchange", id, ip: peer.ip, port: peer.port, bytes, responseBytesMax, timeoutMs };
      worker.postMessage(order, [bytes.buffer]);
    }).finally(() => signal?.removeEventListener("abort", cancel));
  }

  #send(request: TimerRequest, worker: Worker): void {
    worker.postMessage(request);
  }

  /** The worker holds the process only while a call is under way. */
  #start(): Worker {
    const worker = new Worker(timerUrl());
    worker.unref();
    worker.onmessage = (event: MessageEvent<TimerReport>) => {
      this.#pending.get(event.data.id)?.resolve(event.data);
      this.#pending.delete(event.data.id);
      if (this.#pending.size === 0) worker.unref();
    };
    const fail = (cause: unknown) => {
      if (this.#worker === worker) this.#worker = null;
      for (const { reject } of this.#pending.values()) {
        reject(new BtstoreError("network", "Cannot call an axon: the timing worker ended", { cause }));
      }
      this.#pending.clear();
    };
    worker.onerror = (event) => fail(event.error);
    worker.addEventListener("close", () => fail(undefined));
    return worker;
  }
}

/** Whether the chain gives it an address at all: an axon that was never served stands there as 0.0.0.0 port 0. */
function isCallable(peer: Peer): boolean {
  const isUnspecified = /^(0\.0\.0\.0|[0:]+)$/.test(peer.ip);
  return isIP(peer.ip) !== 0 && !isUnspecified && Number.isInteger(peer.port) && peer.port >= 1 && peer.port <= 65_535;
}

function requestBytes(peer: Peer, target: string, signature: Record<string, string>, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const host = isIP(peer.ip) === 6 ? `[${peer.ip}]` : peer.ip;
  const fields = { Host: `${host}:${peer.port}`, ...signature, "Content-Type": CONTENT_TYPE, "Content-Length": String(body.length) };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return concat(utf8(`POST ${target} HTTP/1.1\r\n${lines.join("")}\r\n`), body) as Uint8Array<ArrayBuffer>;
}

/** The worker's file beside this one; in the executable, where this is a chunk at the root, the entry point below it. */
function timerUrl(): string {
  const isCompiled = import.meta.url.includes("/$bunfs/") || import.meta.url.includes("/~BUN/");
  return new URL(isCompiled ? "./lib/wire/timer.ts" : "./timer.ts", import.meta.url).href;
}
