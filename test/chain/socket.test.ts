import { afterEach, describe, expect, test } from "bun:test";
import type { Server, ServerWebSocket } from "bun";
import { connectChain } from "../../lib/chain/mod.ts";
import { ChainSocket, RpcRefusal } from "../../lib/chain/socket.ts";
import { BtstoreError, silentLog } from "../../lib/core/mod.ts";

const GENESIS = `0x${"11".repeat(32)}`;

type Request = { id: number; method: string; params: unknown[] };
type Answer = (request: Request, peer: ServerWebSocket<undefined>) => unknown;

const opened: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.stop();
});

/** A JSON-RPC server whose answers a test writes; `undefined` says nothing. */
function serve(answer: Answer, genesis = GENESIS) {
  const peers = new Set<ServerWebSocket<undefined>>();
  const server: Server<undefined> = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, self) => (self.upgrade(request) ? undefined : new Response(null, { status: 400 })),
    websocket: {
      open: (peer) => void peers.add(peer),
      close: (peer) => void peers.delete(peer),
      message: (peer, text) => {
        const request = JSON.parse(String(text)) as Request;
        const result = request.method === "chain_getBlockHash" ? genesis : answer(request, peer);
        if (result !== undefined) peer.send(typeof result === "string" && result.startsWith("raw:") ? result.slice(4) : JSON.stringify({ jsonrpc: "2.0", id: request.id, ...wrap(result) }));
      },
    },
  });
  opened.push({ stop: () => server.stop(true) });
  return { url: `ws://127.0.0.1:${server.port}`, peers, drop: () => [...peers].forEach((peer) => peer.terminate()) };
}

const wrap = (result: unknown) => (typeof result === "object" && result !== null && "error" in result ? result : { result });

function connect(endpoints: string[], requestTimeoutMs = 5000): ChainSocket {
  const socket = new ChainSocket({ endpoints, log: silentLog, requestTimeoutMs });
  opened.push({ stop: () => socket.disconnect() });
  void socket.connect();
  return socket;
}

const next = (socket: ChainSocket, type: "connected" | "disconnected") => new Promise<void>((resolve) => {
  const off = socket.on(type, () => (off(), resolve()));
});

describe("ChainSocket", () => {
  test("answers requests by id, in whatever order they come", async () => {
    const held: Request[] = [];
    const { url } = serve((request, peer) => {
      held.push(request);
      if (held.length < 3) return undefined;
      for (const each of held.reverse()) peer.send(JSON.stringify({ id: each.id, result: each.params[0] }));
      return undefined;
    });
    const socket = connect([url]);
    await next(socket, "connected");
    expect(await Promise.all([1, 2, 3].map((value) => socket.send("echo", [value])))).toEqual([1, 2, 3]);
  });

  test("tells the chain's refusal with code and cleaned text", async () => {
    const { url } = serve(() => ({ error: { code: 1010, message: "Invalid\u001b[2J Transaction", data: { x: 1 } } }));
    const socket = connect([url]);
    await next(socket, "connected");
    const error = await socket.send("author_submitExtrinsic", []).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RpcRefusal);
    expect((error as RpcRefusal).message).toBe('1010: Invalid [2J Transaction: {"x":1}');
  });

  test("connects again after a drop, renews subscriptions under the same id, and ends what was pending", async () => {
    let subscriptions = 0;
    const { url, drop } = serve(({ method }, peer) => {
      if (method === "silent") return undefined;
      if (method !== "sub") return true;
      const id = `s${++subscriptions}`;
      // The first notification overtakes the answer that names its subscription.
      peer.send(JSON.stringify({ method: "note", params: { subscription: id, result: subscriptions } }));
      return id;
    });
    const socket = connect([url]);
    await next(socket, "connected");
    const notes: unknown[] = [];
    let onNote = () => {};
    const first = new Promise<void>((resolve) => (onNote = resolve));
    const id = await socket.subscribe("note", "sub", [], (_error, result) => (notes.push(result), onNote()));
    await first;
    const second = new Promise<void>((resolve) => (onNote = resolve));
    const pending = socket.send("silent", []).catch((error: unknown) => error);
    drop();
    expect(await pending).toMatchObject({ code: "chain" });
    await expect(socket.send("echo", [])).rejects.toThrow(BtstoreError);
    await second;
    expect(notes).toEqual([1, 2]);
    expect(await socket.unsubscribe("note", "unsub", id)).toBe(true);
  });

  test("tells who watches an extrinsic that the connection is lost, and does not send it twice", async () => {
    const methods: string[] = [];
    const { url, drop } = serve(({ method }) => (methods.push(method), "id"));
    const socket = connect([url]);
    await next(socket, "connected");
    const seen: unknown[] = [];
    await socket.subscribe("author_extrinsicUpdate", "author_submitAndWatchExtrinsic", ["0x00"], (error) => void seen.push(error));
    const again = next(socket, "connected");
    drop();
    await again;
    await socket.send("system_health", []);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toBeInstanceOf(BtstoreError);
    expect(methods).toEqual(["author_submitAndWatchExtrinsic", "system_health"]);
  });

  test("gives up a silent connection after the bound, and says which answer was missing", async () => {
    const { url } = serve(({ method }) => (method === "silent" ? undefined : true));
    const socket = connect([url], 50);
    await next(socket, "connected");
    const lost = next(socket, "disconnected");
    const error = await socket.send("silent", []).catch((thrown: unknown) => thrown);
    expect((error as Error).message).toBe("Cannot read the chain: no answer to silent within 0.05 s");
    await lost;
    await next(socket, "connected");
  });

  test("leaves an address that sends no JSON, or serves another chain, for the next one", async () => {
    const garbled = serve(() => "raw:not json");
    const foreign = serve(() => true, `0x${"22".repeat(32)}`);
    const socket = connect([garbled.url, foreign.url, garbled.url]);
    await next(socket, "connected");
    const again = next(socket, "connected");
    await socket.send("anything", []).catch(() => {});
    await again;
    expect(socket.endpoint).toBe(garbled.url);
    expect(foreign.peers.size).toBe(0);
  });

  test("stays closed once closed", async () => {
    const { url, peers } = serve(() => true);
    const socket = connect([url]);
    await next(socket, "connected");
    await socket.disconnect();
    socket.reopen("late");
    expect(socket.isConnected).toBe(false);
    await expect(socket.send("echo", [])).rejects.toThrow("not connected");
    expect(peers.size).toBeLessThan(2);
  });
});

describe("connectChain()", () => {
  const failure = async (endpoints: string[], signal?: AbortSignal) =>
    (await connectChain({ endpoints, log: silentLog, timeoutMs: 300, requestTimeoutMs: 100, ...(signal ? { signal } : {}) }).catch((error: unknown) => error)) as BtstoreError;

  test("ends in time with the last fault when nobody listens", async () => {
    const { url } = serve(() => true);
    await opened.pop()!.stop();
    const error = await failure([url]);
    expect(error).toBeInstanceOf(BtstoreError);
    expect(error.code).toBe("chain");
    expect(error.message).toBe(`Cannot connect to the chain at "${url}": waited 0.3 s for the chain's metadata; last: nobody answers there. Check --subtensor.network and --subtensor.chain_endpoint`);
  });

  test("ends in time when the server accepts and says nothing, or talks nonsense", async () => {
    expect((await failure([serve(({ method }) => (method === "never" ? 1 : undefined)).url])).code).toBe("chain");
    expect((await failure([serve(() => "nonsense").url])).code).toBe("chain");
    expect((await failure([serve(() => null).url])).code).toBe("chain");
  });

  test("is cancelled by its signal", async () => {
    const abort = new AbortController();
    const waiting = failure([serve(() => undefined).url], abort.signal);
    abort.abort();
    expect((await waiting).code).toBe("cancelled");
  });
});
