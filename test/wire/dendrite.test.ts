import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { silentLog, systemClock, utf8 } from "../../lib/core/mod.ts";
import { signResponse } from "../../lib/wire/btauth.ts";
import { createAxon, Dendrite, listenAxon, Refusal } from "../../lib/wire/mod.ts";
import type { AxonOptions, AxonTls, Outcome } from "../../lib/wire/mod.ts";
import { limitsWith, miner, stranger, validator } from "./fixture.ts";
import { CERT, KEY } from "./tls.ts";

const dendrite = new Dendrite({ hotkey: validator });
afterAll(() => dendrite.close());

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A real axon on a free port of the loopback. */
function serveAxon(changed: Partial<AxonOptions> = {}, ip = "127.0.0.1", { port = 0, tls }: { port?: number; tls?: AxonTls } = {}): number {
  const axon = createAxon({
    hotkey: miner,
    routes: { Ping: async (_caller, body) => body },
    whoIs: (hotkey) => (hotkey === validator.ss58 ? { isRegistered: true, hasPermit: true } : null),
    clock: systemClock,
    log: silentLog,
    notBeforeMs: 0,
    rateOf: () => ({ perSecond: 1e6, burst: 1e6 }),
    limits: limitsWith({ addressRate: { perSecond: 1e6, burst: 1e6 } }),
    ...changed,
  });
  const listening = listenAxon(axon, { ip, port, ...(tls ? { tls } : {}) });
  cleanups.push(() => listening.stop());
  return listening.port;
}

type RawServer = { port: number; connectionCount: number; requests: string[]; stopListening(): void };

type RawReply = string | Uint8Array | null | "hang up";

/** A server that counts connections and answers each whole request as told; null: says nothing; "hang up": closes. */
function serveRaw(answer: (request: string, index: number) => RawReply | Promise<RawReply>): RawServer {
  const state: RawServer = { port: 0, connectionCount: 0, requests: [], stopListening: () => server.stop() };
  const server = Bun.listen<{ text: string }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        state.connectionCount++;
        socket.data = { text: "" };
      },
      async data(socket, bytes) {
        // A TLS client's hello is nothing a plain server understands.
        if (socket.data.text === "" && bytes[0] === 0x16) return void socket.terminate();
        socket.data.text += new TextDecoder("latin1").decode(bytes);
        const head = /^[^]*?\r\n\r\n/.exec(socket.data.text)?.[0];
        const length = head ? Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0) : 0;
        if (!head || socket.data.text.length < head.length + length) return;
        state.requests.push(socket.data.text);
        socket.data.text = "";
        const reply = await answer(state.requests.at(-1)!, state.requests.length - 1);
        if (reply === "hang up") socket.terminate();
        else if (reply !== null) socket.write(reply);
      },
    },
  });
  cleanups.push(() => server.stop(true));
  state.port = server.port;
  return state;
}

const header = (request: string, name: string) => new RegExp(`^${name}: (.*)\r$`, "im").exec(request)?.[1] ?? "";

/** An answer as the miner would sign it, unless told otherwise. */
function answerTo(request: string, body = "pong", change: { status?: number; signer?: typeof miner; nonce?: bigint; sent?: string; extra?: string } = {}): string {
  const { status = 200, signer = miner, sent = body, extra = "" } = change;
  const nonce = change.nonce ?? BigInt(header(request, "X-Bittensor-Nonce"));
  const signature = signResponse(signer, { status, body: utf8(body), nonce, requester: validator.ss58 });
  const fields = Object.entries(signature).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `HTTP/1.1 ${status} x\r\n${fields}${extra}Content-Length: ${sent.length}\r\n\r\n${sent}`;
}

function ping(port: number, options: { timeoutMs?: number; signal?: AbortSignal; ip?: string; hotkey?: typeof miner.ss58 } = {}): Promise<Outcome> {
  const { timeoutMs = 30_000, signal, ip = "127.0.0.1", hotkey = miner.ss58 } = options;
  return dendrite.call({ hotkey, ip, port }, "Ping", utf8("ping"), { timeoutMs, ...(signal ? { signal } : {}) });
}

/** An outcome without its timing. */
async function untimed(outcome: Promise<Outcome>): Promise<object> {
  const { elapsedMs: _elapsed, lagMs: _lag, ...rest } = await outcome;
  return rest;
}

describe("Dendrite.call() with a real axon", () => {
  test("brings the answer and how long it took", async () => {
    const outcome = await ping(serveAxon());
    expect(outcome).toMatchObject({ kind: "ok", body: utf8("ping") });
    expect(outcome.elapsedMs).toBeGreaterThan(0);
    expect(outcome.lagMs).toBeGreaterThanOrEqual(0);
  });

  test("reaches one dual-stack axon by IPv4 and by IPv6", async () => {
    const port = serveAxon({}, "[::]");
    for (const ip of ["127.0.0.1", "127.0.0.2", "::1"]) expect(await untimed(ping(port, { ip })), ip).toEqual({ kind: "ok", body: new Uint8Array(utf8("ping")) });
  });

  test("carries an empty message and an empty answer", async () => {
    const port = serveAxon();
    const call = dendrite.call({ hotkey: miner.ss58, ip: "127.0.0.1", port }, "Ping", new Uint8Array(0), { timeoutMs: 30_000 });
    expect(await untimed(call)).toEqual({ kind: "ok", body: new Uint8Array(0) });
  });

  test("brings an answer of many packets whole", async () => {
    const body = new Uint8Array(94_240).map((_, i) => i * 31);
    const port = serveAxon({ routes: { Openings: async () => body } });
    const outcome = await dendrite.call({ hotkey: miner.ss58, ip: "127.0.0.1", port }, "Openings", utf8("x"), { timeoutMs: 30_000 });
    expect(outcome.kind === "ok" && Buffer.from(outcome.body).equals(body)).toBe(true);
  });

  test("tells refusals with their names, and which are signed", async () => {
    const port = serveAxon({ routes: { Ping: async () => new Refusal("TooManyRequests", 7) } });
    expect(await untimed(ping(port))).toEqual({ kind: "refused", status: 429, reason: "TooManyRequests", isSigned: true, retryAfterSeconds: 7 });
    expect(await untimed(ping(port, { hotkey: stranger.ss58 }))).toEqual({
      kind: "refused", status: 401, reason: "WrongReceiver", isSigned: false, retryAfterSeconds: null,
    });
  });

  test("carries many calls at once, on a connection each, and goes on with the kept ones", async () => {
    const port = serveAxon();
    for (let round = 0; round < 3; round++) {
      const outcomes = await Promise.all(Array.from({ length: 6 }, () => ping(port)));
      expect(outcomes.map(({ kind }) => kind)).toEqual(Array(6).fill("ok"));
    }
  });
});

describe("Dendrite.call() and its connections", () => {
  test("keeps one connection for calls in a row", async () => {
    const server = serveRaw((request) => answerTo(request));
    for (let i = 0; i < 10; i++) expect((await ping(server.port)).kind).toBe("ok");
    expect([server.connectionCount, server.requests.length]).toEqual([1, 10]);
  });

  test("opens another for a call beside one under way, and keeps two", async () => {
    let expectedCount = 0;
    let waiting: (() => void)[] = [];
    // Answers nobody before all calls of a wave are here.
    const server = serveRaw(async (request) => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length < expectedCount) return;
        for (const release of waiting) release();
        waiting = [];
      });
      return answerTo(request);
    });
    const wave = async (callCount: number) => {
      expectedCount = callCount;
      await Promise.all(Array.from({ length: callCount }, () => ping(server.port)));
      return server.connectionCount;
    };
    expect([await wave(5), await wave(2), await wave(3)]).toEqual([5, 5, 6]);
  });

  test("sends the same bytes once more when a kept connection turns out to be closed", async () => {
    const server = serveRaw((request, index) => (index === 1 ? "hang up" : answerTo(request)));
    expect((await ping(server.port)).kind).toBe("ok");
    expect((await ping(server.port)).kind).toBe("ok");
    expect(server.connectionCount).toBe(2);
    expect(server.requests[2]).toBe(server.requests[1]!);
  });

  test("tries no third time", async () => {
    const server = serveRaw((request, index) => (index >= 1 ? "hang up" : answerTo(request)));
    expect((await ping(server.port)).kind).toBe("ok");
    expect(await untimed(ping(server.port))).toEqual({ kind: "offline", fault: "closed" });
    expect(server.requests.length).toBe(3);
  });

  test("does not go on trying when nothing listens any more", async () => {
    const server = serveRaw((request, index) => {
      if (index === 0) return answerTo(request);
      server.stopListening();
      return "hang up";
    });
    expect((await ping(server.port)).kind).toBe("ok");
    expect(await untimed(ping(server.port))).toEqual({ kind: "offline", fault: "closed" });
  });

  test("does not keep a connection whose answer ends it, or that was not wholly understood", async () => {
    const server = serveRaw((request, index) => (index === 0 ? answerTo(request, "pong", { extra: "Connection: close\r\n" }) : index === 1 ? "nonsense\r\n\r\n" : answerTo(request)));
    expect((await ping(server.port)).kind).toBe("ok");
    expect(await untimed(ping(server.port))).toEqual({ kind: "badAnswer", fault: "malformed" });
    expect((await ping(server.port)).kind).toBe("ok");
    expect(server.connectionCount).toBe(3);
  });

  test("signs nonces that grow, for the receiver, at the address called", async () => {
    const server = serveRaw((request) => answerTo(request));
    for (let i = 0; i < 3; i++) await ping(server.port);
    const nonces = server.requests.map((request) => BigInt(header(request, "X-Bittensor-Nonce")));
    expect(nonces[0]! < nonces[1]! && nonces[1]! < nonces[2]!).toBe(true);
    expect(server.requests[0]).toStartWith(`POST /btstore/1/Ping HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n`);
    expect(header(server.requests[0]!, "X-Bittensor-Receiver")).toBe(miner.ss58);
  });
});

describe("Dendrite.call() and an axon with TLS", () => {
  const TLS = { cert: CERT, key: KEY };
  const call = (port: number, text = "x") => dendrite.call({ hotkey: miner.ss58, ip: "127.0.0.1", port }, "Ping", utf8(text), { timeoutMs: 10_000 });

  test("finds out, and brings the answers of calls in a row and at once", async () => {
    const port = serveAxon({}, "127.0.0.1", { tls: TLS });
    for (const text of ["1", "2", "3"]) expect(await call(port, text)).toMatchObject({ kind: "ok", body: utf8(text) });
    const long = "x".repeat(256);
    for (const outcome of await Promise.all(Array.from({ length: 8 }, () => call(port, long)))) expect(outcome).toMatchObject({ kind: "ok", body: utf8(long) });
  });

  test("believes nobody but the hotkey", async () => {
    const port = serveAxon({ hotkey: stranger }, "127.0.0.1", { tls: TLS });
    expect(await call(port)).toMatchObject({ kind: "refused", reason: "WrongReceiver", isSigned: false });
  });

  test("goes back to plain HTTP when the axon does", async () => {
    const port = serveAxon({}, "127.0.0.1", { tls: TLS });
    expect((await call(port)).kind).toBe("ok");
    await cleanups.pop()!();
    serveAxon({}, "127.0.0.1", { port });
    expect([(await call(port)).kind, (await call(port)).kind]).toEqual(["offline", "ok"]);
  });
});

describe("Dendrite.call() and peers that misbehave", () => {
  const wrongAnswers: Record<string, [fault: string, answer: (request: string) => string | Uint8Array]> = {
    "no signature": ["unsigned", () => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong"],
    "another's signature": ["bad_signature", (request) => answerTo(request, "pong", { signer: stranger })],
    "a changed body": ["bad_signature", (request) => answerTo(request, "pong", { sent: "ponG" })],
    "an answer to another request": ["bad_signature", (request) => answerTo(request, "pong", { nonce: 1n })],
    "a signed refusal passed off as success": ["bad_signature", (request) => answerTo(request, "pong", { status: 429 }).replace("429", "200")],
    "an announced length above the message's bound": ["too_large", () => "HTTP/1.1 200 OK\r\nContent-Length: 1025\r\n\r\n"],
    "chunks": ["malformed", () => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npong\r\n0\r\n\r\n"],
    "headers without end": ["malformed", () => `HTTP/1.1 200 OK\r\n${"X-A: y\r\n".repeat(2000)}`],
    "noise": ["malformed", () => new Uint8Array(10_000).map((_, i) => i * 7)],
  };
  for (const [what, [fault, answer]] of Object.entries(wrongAnswers)) {
    test(`calls ${what} a bad answer: ${fault}`, async () => {
      expect(await untimed(ping(serveRaw(answer).port))).toEqual({ kind: "badAnswer", fault });
    });
  }

  test("follows no redirect", async () => {
    const elsewhere = serveRaw((request) => answerTo(request));
    const server = serveRaw((request) => answerTo(request, "", { status: 307, extra: `Location: http://127.0.0.1:${elsewhere.port}/\r\n` }));
    expect(await untimed(ping(server.port))).toMatchObject({ kind: "refused", status: 307, reason: "unnamed" });
    expect(elsewhere.connectionCount).toBe(0);
  });

  test("repeats nothing of an unknown refusal and believes no endless Retry-After", async () => {
    const body = JSON.stringify({ error: "__proto__", message: "\u001b[31m" });
    const server = serveRaw((request) => answerTo(request, body, { status: 429, extra: "Retry-After: 999999999\r\n" }));
    expect(await untimed(ping(server.port))).toEqual({ kind: "refused", status: 429, reason: "unnamed", isSigned: true, retryAfterSeconds: 3600 });
  });

  test("calls it offline when nothing listens, or when it hangs up", async () => {
    const gone = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const { port } = gone;
    gone.stop(true);
    expect(await untimed(ping(port))).toEqual({ kind: "offline", fault: "unreachable" });
    expect(await untimed(ping(serveRaw(() => "hang up").port))).toEqual({ kind: "offline", fault: "closed" });
  });

  test("calls it offline without trying when the chain gives no address", async () => {
    for (const [ip, port] of [["0.0.0.0", 8091], ["::", 8091], ["0:0:0:0:0:0:0:0", 8091], ["127.0.0.1", 0], ["127.0.0.1", 65_536], ["localhost", 8091], ["", 8091]] as const) {
      expect(await untimed(ping(port, { ip })), ip).toEqual({ kind: "offline", fault: "no_address" });
    }
  });

  test("calls it late when the answer is not whole in time, and drops the connection", async () => {
    const silent = serveRaw(() => null);
    expect(await untimed(ping(silent.port, { timeoutMs: 20 }))).toEqual({ kind: "late" });
    const partial = serveRaw((request, index) => (index === 0 ? answerTo(request).slice(0, -1) : answerTo(request)));
    expect(await untimed(ping(partial.port, { timeoutMs: 20 }))).toEqual({ kind: "late" });
    expect((await ping(partial.port)).kind).toBe("ok");
    expect(partial.connectionCount).toBe(2);
  });
});

describe("Dendrite.call() and its caller", () => {
  test("is cancelled by its signal, before and while it waits", async () => {
    const server = serveRaw(() => null);
    expect(await untimed(ping(server.port, { signal: AbortSignal.abort() }))).toEqual({ kind: "cancelled" });
    expect(server.connectionCount).toBe(0);
    const controller = new AbortController();
    const call = ping(server.port, { signal: controller.signal });
    controller.abort();
    expect(await untimed(call)).toEqual({ kind: "cancelled" });
  });

  test("refuses a body above the message's bound and a time-out that is none", async () => {
    const peer = { hotkey: miner.ss58, ip: "127.0.0.1", port: 1 };
    await expect(dendrite.call(peer, "Ping", new Uint8Array(257), { timeoutMs: 1 })).rejects.toThrow("body: expected at most 256 bytes, got 257");
    for (const timeoutMs of [0, -1, Number.NaN, 600_001]) {
      await expect(dendrite.call(peer, "Ping", utf8("x"), { timeoutMs })).rejects.toThrow("timeoutMs: expected 1 to 600000");
    }
  });

  test("ends with close(), and is refused afterwards", async () => {
    const own = new Dendrite({ hotkey: validator });
    const server = serveRaw(() => null);
    const peer = { hotkey: miner.ss58, ip: "127.0.0.1", port: server.port };
    const call = own.call(peer, "Ping", utf8("x"), { timeoutMs: 30_000 });
    await own.close();
    expect(await untimed(call)).toEqual({ kind: "cancelled" });
    await expect(own.call(peer, "Ping", utf8("x"), { timeoutMs: 30_000 })).rejects.toMatchObject({ code: "network" });
    await new Dendrite({ hotkey: validator }).close();
  });
});
