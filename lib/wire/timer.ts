/**
 * The timing worker: carries out HTTP exchanges for the dendrite and measures them (DESIGN section 5, "Time").
 *
 * It runs in a thread of its own, so that nothing the validator computes delays a timestamp, and it watches itself: a
 * ticker shows how long its own event loop stood still during an exchange, whatever the reason.
 *
 * A connection is opened before the clock starts, and kept: the time is from before the first byte out to after the
 * last byte in on a warm connection, and an exchange never shares one with another. If a kept connection turns out to
 * have been closed before any byte of an answer came, the same bytes go out once more on a new one, while the clock
 * runs on: starting it anew would give a miner that hangs up the time to compute.
 *
 * An axon may speak TLS, which the chain does not tell: one that hangs up on plain HTTP without a byte is tried once more
 * with TLS, in the same exchange, and remembered if it answers so. Certificates are not checked; the hotkey's signature is.
 *
 * An entry point of the executable; imports nothing that is slow to load.
 */
import type { ExchangeResult, TimerReport, TimerRequest } from "./exchange.ts";
import { WIRE_LIMITS } from "./limits.ts";
import { ResponseReader } from "./response.ts";
import { StallWatch, TICK_MS } from "./stall.ts";

type Order = Extract<TimerRequest, { kind: "exchange" }>;
type Connection = Bun.Socket<Line>;

/** A connection's state: the exchange it carries (none while it is kept) and what of the request is still to be sent. */
type Line = { readonly peer: string; readonly isTls: boolean; exchange: Exchange | null; unsent: Uint8Array };

declare const self: Worker;

const exchanges = new Map<number, Exchange>();
const idle = new Map<string, Connection[]>();
/** Peers whose last answer came through TLS. */
const tlsPeers = new Set<string>();
/** More than a subnet has uids; whoever is forgotten costs one more connection. */
const TLS_PEERS_MAX = 4096;
const watch = new StallWatch();
let ticker: ReturnType<typeof setInterval> | null = null;

function tick(): void {
  const lateMs = watch.tick(performance.now());
  for (const exchange of exchanges.values()) exchange.lagMs = Math.max(exchange.lagMs, lateMs);
}

class Exchange {
  lagMs = 0;
  readonly #order: Order;
  readonly #peer: string;
  #connection: Connection | null = null;
  #isKept = false;
  #isTls: boolean;
  #mayTryTls: boolean;
  #reader: ResponseReader;
  #startMs = 0;
  #timeout: ReturnType<typeof setTimeout>;

  constructor(order: Order) {
    this.#order = order;
    this.#peer = `${order.ip} ${order.port}`;
    this.#reader = new ResponseReader(order.responseBytesMax);
    this.#isTls = tlsPeers.has(this.#peer);
    this.#mayTryTls = !this.#isTls;
    exchanges.set(order.id, this);
    if (ticker === null) {
      watch.start(performance.now());
      ticker = setInterval(tick, TICK_MS);
    }
    this.#timeout = setTimeout(() => this.end({ kind: "unreachable" }), WIRE_LIMITS.connectMs);
    const kept = idle.get(this.#peer)?.pop();
    if (kept) this.#begin(kept, true);
    else this.#connect();
  }

  #connect(): void {
    const { ip, port } = this.#order;
    const line: Line = { peer: this.#peer, isTls: this.#isTls, exchange: this, unsent: new Uint8Array(0) };
    const tls = this.#isTls ? { tls: { rejectUnauthorized: false } } : {};
    Bun.connect<Line>({ hostname: ip, port, data: line, socket: handlers, ...tls }).catch(() => this.end({ kind: "unreachable" }));
  }

  /** Sends the request. The clock starts with the first attempt. */
  #begin(connection: Connection, isKept: boolean): void {
    this.#connection = connection;
    this.#isKept = isKept;
    connection.data.exchange = this;
    connection.data.unsent = this.#order.bytes;
    connection.timeout(0);
    if (this.#startMs === 0) {
      clearTimeout(this.#timeout);
      this.#timeout = setTimeout(() => this.end({ kind: "late" }), this.#order.timeoutMs);
      this.#startMs = performance.now();
    }
    send(connection);
  }

  opened(connection: Connection): void {
    if (exchanges.has(this.#order.id)) this.#begin(connection, false);
    else connection.terminate();
  }

  received(bytes: Uint8Array): void {
    const answer = this.#reader.push(bytes);
    if (answer === null) return;
    if (typeof answer === "string") return this.end({ kind: answer });
    if (this.#isTls) rememberTls(this.#peer);
    const connection = this.#connection!;
    const isReusable = answer.isReusable && connection.data.unsent.length === 0;
    if (isReusable) this.#connection = null;
    this.end({ kind: "answer", status: answer.status, headers: answer.headers, body: answer.body });
    if (isReusable) keep(connection);
  }

  closed(): void {
    const wasOpen = this.#connection !== null;
    this.#connection = null;
    if (!exchanges.has(this.#order.id)) return;
    const isWorthASecondTry = this.#isKept && !this.#reader.hasBegun;
    const isPerhapsTls = wasOpen && !this.#isKept && this.#mayTryTls && !this.#reader.hasBegun;
    this.#isKept = false;
    if (isPerhapsTls) {
      this.#mayTryTls = false;
      this.#isTls = true;
    }
    if (isWorthASecondTry || isPerhapsTls) return this.#connect();
    tlsPeers.delete(this.#peer);
    this.end({ kind: this.#startMs === 0 ? "unreachable" : "closed" });
  }

  /** Reports, once. A connection that is still ours is in no known state and is dropped. */
  end(result: ExchangeResult): void {
    const elapsedMs = this.#startMs === 0 ? 0 : performance.now() - this.#startMs;
    if (!exchanges.delete(this.#order.id)) return;
    clearTimeout(this.#timeout);
    const lagMs = Math.max(this.lagMs, watch.lateMs(performance.now()));
    const connection = this.#connection;
    this.#connection = null;
    if (connection) {
      connection.data.exchange = null;
      connection.terminate();
    }
    if (exchanges.size === 0 && ticker !== null) {
      clearInterval(ticker);
      ticker = null;
    }
    const report: TimerReport = { id: this.#order.id, result, elapsedMs, lagMs };
    self.postMessage(report, result.kind === "answer" ? [result.body.buffer] : []);
  }
}

function rememberTls(peer: string): void {
  if (tlsPeers.size >= TLS_PEERS_MAX) tlsPeers.clear();
  tlsPeers.add(peer);
}

function send(connection: Connection): void {
  const line = connection.data;
  const written = connection.write(line.unsent);
  line.unsent = line.unsent.subarray(Math.max(0, written));
}

/** Keeps a connection for the next exchange with its peer, for a while. */
function keep(connection: Connection): void {
  const { peer } = connection.data;
  connection.data.exchange = null;
  const kept = idle.get(peer) ?? [];
  if (kept.length >= WIRE_LIMITS.idlePerPeerMax) return void connection.terminate();
  connection.timeout(WIRE_LIMITS.dendriteIdleSeconds);
  kept.push(connection);
  idle.set(peer, kept);
}

function forget(connection: Connection): void {
  const { peer, exchange } = connection.data;
  const others = idle.get(peer)?.filter((other) => other !== connection) ?? [];
  if (others.length > 0) idle.set(peer, others);
  else idle.delete(peer);
  connection.data.exchange = null;
  exchange?.closed();
}

const handlers: Bun.SocketHandler<Line> = {
  open(connection) {
    connection.setNoDelay(true);
    if (!connection.data.isTls) connection.data.exchange?.opened(connection);
  },
  handshake(connection) {
    connection.data.exchange?.opened(connection);
  },
  data(connection, bytes) {
    // Bytes that nobody asked for: the peer is not one to keep a connection with.
    if (connection.data.exchange) connection.data.exchange.received(bytes);
    else connection.terminate();
  },
  drain: send,
  end: (connection) => void connection.terminate(),
  timeout: (connection) => void connection.terminate(),
  close: forget,
  error: (connection) => void connection.terminate(),
  connectError: (connection) => forget(connection),
};

self.onmessage = (event: MessageEvent<TimerRequest>) => {
  const request = event.data;
  if (request.kind === "exchange") new Exchange(request);
  else if (request.kind === "cancel") exchanges.get(request.id)?.end({ kind: "cancelled" });
  else process.exit(0); // Ends this thread only, and its connections with it.
};
