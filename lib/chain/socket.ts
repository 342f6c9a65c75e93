/**
 * The one WebSocket to the chain, as polkadot.js's provider.
 *
 * In place of its own because that one gives up waiting nowhere, forgets who watches an extrinsic when the socket
 * drops, prints to the console and throws out of a handler when an answer is no JSON. Here every request has a bound,
 * a lost socket is reopened with growing pauses over the addresses in turn, subscriptions are made again under the
 * same ids, and an address that turns out to serve another chain is left at once.
 */
import type { ApiOptions } from "@polkadot/api/types";
import { BtstoreError, describeError, type Log } from "../core/mod.ts";
import { cleanText } from "./quiet.ts";

type Provider = NonNullable<ApiOptions["provider"]>;
type Emitted = Parameters<Provider["on"]>[0];
type Listener = Parameters<Provider["on"]>[1];
type Notify = (error: Error | null, result: unknown) => void;

/** Time for the TCP, TLS and WebSocket handshakes, in milliseconds. */
const OPEN_TIMEOUT_MS = 10_000;

/** First and longest pause between attempts, in milliseconds. */
const BACKOFF_MIN_MS = 250;
const BACKOFF_MAX_MS = 30_000;

/** Largest message that is parsed, in bytes; metadata in hex is under 1 MiB. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/** Notifications kept that came before the answer naming their subscription. */
const EARLY_MAX = 256;

/**
 * What polkadot.js asks for upgrades with, and whose failure it throws out of the process. Such a request never fails:
 * the connection is given up for it, and polkadot.js asks again on the next one.
 */
const NEVER_FAILING: ReadonlySet<string> = new Set(["state_getMetadata", "state_subscribeRuntimeVersion"]);

/** The chain's own refusal of a request: JSON-RPC code, text and data, cleaned. */
export class RpcRefusal extends Error {
  override readonly name = "RpcRefusal";
  constructor(readonly code: number, text: string, readonly data: string) {
    super(`${code}: ${text}${data === "" ? "" : `: ${data}`}`);
  }
}

export type SocketOptions = {
  readonly endpoints: readonly string[];
  readonly log: Log;
  /** Longest wait for one answer, in milliseconds. */
  readonly requestTimeoutMs: number;
};

type Pending = { method: string; resolve: (value: unknown) => void; reject: (error: Error) => void; timer: Timer; sentAt: number };
type Timer = ReturnType<typeof setTimeout>;
type Subscription = { type: string; method: string; params: unknown[]; notify: Notify; serverId: string | null };

/** See the file's comment. `connect()` starts it, `disconnect()` ends it for good. */
export class ChainSocket implements Provider {
  readonly hasSubscriptions = true;
  readonly isClonable = false;
  readonly #options: SocketOptions;
  readonly #listeners = new Map<Emitted, Set<Listener>>();
  readonly #pending = new Map<number, Pending>();
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #early = new Map<string, unknown[]>();
  #socket: WebSocket | null = null;
  #state: "idle" | "opening" | "connected" | "closed" = "idle";
  #timer: Timer | undefined;
  #endpointIndex = 0;
  #failureCount = 0;
  #lastId = 0;
  #lastMessageAt = 0;
  #genesisHash: unknown;
  #lastFault = "no attempt was made";

  constructor(options: SocketOptions) {
    if (options.endpoints.length === 0) throw new RangeError("endpoints: expected at least one address");
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#state === "connected";
  }

  /** Why the last attempt or connection ended. */
  get lastFault(): string {
    return this.#lastFault;
  }

  /** The address in use or tried next. */
  get endpoint(): string {
    return this.#options.endpoints[this.#endpointIndex]!;
  }

  clone(): ChainSocket {
    return new ChainSocket(this.#options);
  }

  async connect(): Promise<void> {
    if (this.#state === "idle") this.#open();
  }

  async disconnect(): Promise<void> {
    if (this.#state === "closed") return;
    const wasConnected = this.isConnected;
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.#dropSocket("the connection was closed");
    this.#subscriptions.clear();
    if (wasConnected) this.#emit("disconnected");
  }

  /** Gives up the present socket and opens another, after a pause. */
  reopen(fault: string): void {
    if (this.#state === "closed" || this.#state === "idle") return;
    const wasConnected = this.isConnected;
    const endpoint = this.endpoint;
    this.#state = "idle";
    this.#lastFault = fault;
    this.#dropSocket(fault);
    this.#endpointIndex = (this.#endpointIndex + 1) % this.#options.endpoints.length;
    const pause = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(this.#failureCount++, 10)) * (0.75 + Math.random() / 2);
    this.#options.log[wasConnected ? "warn" : "debug"]("No connection to the chain, trying again", { endpoint, fault, pauseMs: Math.round(pause) });
    this.#timer = setTimeout(() => this.#open(), pause);
    if (wasConnected) this.#emit("disconnected");
  }

  on(type: Emitted, listener: Listener): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  async send<T = any>(method: string, params: unknown[]): Promise<T> {
    return this.#ask(method, params).then((value) => value as T, (error: unknown) => this.#fail(method, error));
  }

  async subscribe(type: string, method: string, params: unknown[], notify: Notify): Promise<number> {
    const subscription: Subscription = { type, method, params, notify, serverId: null };
    const id = ++this.#lastId;
    this.#subscriptions.set(id, subscription);
    try {
      this.#attach(subscription, await this.#ask(method, params));
    } catch (error) {
      this.#subscriptions.delete(id);
      return this.#fail(method, error);
    }
    return id;
  }

  async unsubscribe(_type: string, method: string, id: number | string): Promise<boolean> {
    const subscription = this.#subscriptions.get(Number(id));
    this.#subscriptions.delete(Number(id));
    if (!subscription || subscription.serverId === null || !this.isConnected) return true;
    return this.send<boolean>(method, [subscription.serverId]).catch(() => false);
  }

  #open(): void {
    this.#state = "opening";
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.endpoint);
    } catch (error) {
      return this.reopen(describeError(error));
    }
    this.#socket = socket;
    this.#timer = setTimeout(() => this.reopen(`no handshake within ${OPEN_TIMEOUT_MS / 1000} s`), OPEN_TIMEOUT_MS);
    const isCurrent = () => this.#socket === socket;
    socket.onopen = () => isCurrent() && void this.#greet(socket);
    socket.onmessage = (event) => isCurrent() && this.#receive(event.data);
    socket.onerror = () => isCurrent() && this.reopen(this.#state === "connected" ? "the connection failed" : "nobody answers there");
    socket.onclose = (event) => isCurrent() && this.reopen(`the other side closed the connection (code ${event.code})`);
  }

  /** Asks which chain this is before anybody uses it. */
  async #greet(socket: WebSocket): Promise<void> {
    let genesisHash: unknown;
    try {
      genesisHash = await this.#request("chain_getBlockHash", [0]);
    } catch (error) {
      if (this.#socket === socket) this.reopen(describeError(error));
      return;
    }
    if (this.#socket !== socket) return;
    this.#genesisHash ??= genesisHash;
    if (genesisHash !== this.#genesisHash) return this.reopen("it serves another chain than before");
    clearTimeout(this.#timer);
    this.#state = "connected";
    this.#failureCount = 0;
    this.#options.log.debug("Connected to the chain", { endpoint: this.endpoint });
    for (const subscription of this.#subscriptions.values()) void this.#renew(subscription);
    this.#emit("connected");
  }

  async #renew(subscription: Subscription): Promise<void> {
    try {
      this.#attach(subscription, await this.#ask(subscription.method, subscription.params));
    } catch (error) {
      // Connected without its subscriptions would look alive and hear of nothing.
      if (this.isConnected) this.reopen(`cannot subscribe again (${cleanText(describeError(error))})`);
    }
  }

  async #ask(method: string, params: unknown[]): Promise<unknown> {
    if (!this.isConnected) throw new BtstoreError("chain", `Cannot ask the chain for ${method}: not connected (${this.#lastFault})`);
    return this.#request(method, params);
  }

  async #fail(method: string, error: unknown): Promise<never> {
    if (!NEVER_FAILING.has(method)) throw error;
    if (this.isConnected) this.reopen(cleanText(describeError(error)));
    return new Promise<never>(() => {});
  }

  #attach(subscription: Subscription, serverId: unknown): void {
    const key = `${subscription.type}:${String(serverId)}`;
    subscription.serverId = String(serverId);
    const waiting = this.#early.get(key) ?? [];
    this.#early.delete(key);
    for (const result of waiting) subscription.notify(null, result);
  }

  #request(method: string, params: unknown[]): Promise<unknown> {
    const { requestTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      const sentAt = performance.now();
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new BtstoreError("chain", `Cannot read the chain: no answer to ${method} within ${requestTimeoutMs / 1000} s`));
        // Silence about everything else too means that the other side is gone without having said so.
        if (this.#lastMessageAt < sentAt) this.reopen(`no answer within ${requestTimeoutMs / 1000} s`);
      }, requestTimeoutMs);
      this.#pending.set(id, { method, resolve, reject, timer, sentAt });
      this.#socket?.send(JSON.stringify({ id, jsonrpc: "2.0", method, params }));
    });
  }

  #receive(data: unknown): void {
    this.#lastMessageAt = performance.now();
    let message: unknown;
    try {
      if (typeof data !== "string" || data.length > MESSAGE_BYTES_MAX) throw new RangeError("too large or binary");
      message = JSON.parse(data);
    } catch {
      return this.reopen("the other side sent no JSON");
    }
    if (typeof message !== "object" || message === null) return;
    const { id, method, params, result, error } = message as Record<string, any>;
    if (typeof method === "string") return this.#notify(method, params);
    const pending = this.#pending.get(Number(id));
    if (!pending) return;
    this.#pending.delete(Number(id));
    clearTimeout(pending.timer);
    if (error === undefined || error === null) return pending.resolve(result);
    const extra = error.data === undefined || error.data === null ? "" : typeof error.data === "string" ? error.data : JSON.stringify(error.data);
    pending.reject(new RpcRefusal(Number(error.code), cleanText(String(error.message)), cleanText(extra)));
  }

  #notify(type: string, params: any): void {
    const serverId = String(params?.subscription);
    for (const subscription of this.#subscriptions.values()) {
      if (subscription.serverId === serverId && subscription.type === type) return subscription.notify(null, params.result);
    }
    const key = `${type}:${serverId}`;
    if (this.#early.size >= EARLY_MAX && !this.#early.has(key)) this.#early.clear();
    const waiting = this.#early.get(key) ?? [];
    if (waiting.length < EARLY_MAX) this.#early.set(key, [...waiting, params?.result]);
  }

  #dropSocket(fault: string): void {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#timer);
    socket?.close();
    this.#early.clear();
    for (const [id, subscription] of this.#subscriptions) {
      subscription.serverId = null;
      // An extrinsic is not sent twice: who watches it learns that the connection is lost.
      if (!subscription.type.startsWith("author_")) continue;
      this.#subscriptions.delete(id);
      subscription.notify(new BtstoreError("chain", `the connection was lost (${fault})`), null);
    }
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { method, reject, timer } of pending) {
      clearTimeout(timer);
      reject(new BtstoreError("chain", `Cannot read the chain: the connection was lost before the answer to ${method} (${fault})`));
    }
  }

  #emit(type: Emitted): void {
    for (const listener of this.#listeners.get(type) ?? []) listener();
  }
}
