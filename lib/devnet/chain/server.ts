/** JSON-RPC 2.0 over WebSocket: framing, limits, subscriptions. What is asked of it is answered by `rpc.ts`. */
import type { ServerWebSocket } from "bun";
import { describeError } from "../../core/mod.ts";
import { PoolError } from "./pool.ts";
import { type Method, RpcError, type Session } from "./rpc.ts";
import { DecodeError } from "./scale.ts";

/** One message, bytes. */
const MESSAGE_BYTES_MAX = 1 << 20;
const CONNECTIONS_MAX = 256;
const SUBSCRIPTIONS_MAX = 256;
/** Requests in one batch. */
const BATCH_MAX = 64;
/** Unsent bytes after which a reader that does not read is cut off. */
const BACKLOG_BYTES_MAX = 32 << 20;
/** A silent connection is closed after this; clients ask for the health every ten seconds. */
const IDLE_SECONDS = 120;

type Connection = { subscriptions: Map<string, () => void> };
type Socket = ServerWebSocket<Connection>;

/**
 * Serves the methods on loopback.
 *
 * @param port 0 for any free one.
 */
export function serveRpc(methods: ReadonlyMap<string, Method>, port: number): { port: number; dropConnections(): void; stop(): Promise<void> } {
  const sockets = new Set<Socket>();
  let nextSubscription = 1;
  const server = Bun.serve<Connection>({
    hostname: "127.0.0.1",
    port,
    fetch(request, self) {
      if (sockets.size >= CONNECTIONS_MAX) return new Response("Too many connections\n", { status: 503 });
      if (self.upgrade(request, { data: { subscriptions: new Map() } })) return undefined;
      return new Response("Expected a WebSocket\n", { status: 426, headers: { upgrade: "websocket" } });
    },
    websocket: {
      maxPayloadLength: MESSAGE_BYTES_MAX,
      backpressureLimit: BACKLOG_BYTES_MAX,
      closeOnBackpressureLimit: true,
      idleTimeout: IDLE_SECONDS,
      open(socket) {
        sockets.add(socket);
      },
      close(socket) {
        sockets.delete(socket);
        for (const end of socket.data.subscriptions.values()) end();
        socket.data.subscriptions.clear();
      },
      message(socket, message) {
        // What a subscription says at once must not overtake the answer that names it.
        const later: string[] = [];
        let isAnswered = false;
        const send = (text: string) => void (isAnswered ? socket.send(text) : later.push(text));
        const session = sessionOf(socket, send, () => `btstore-${nextSubscription++}`);
        const answer = answerText(methods, session, message);
        if (answer !== null) socket.send(answer);
        isAnswered = true;
        for (const text of later) socket.send(text);
      },
    },
  });
  return { port: server.port!, dropConnections: () => sockets.forEach((socket) => socket.terminate()), stop: () => server.stop(true) };
}

function sessionOf(socket: Socket, send: (text: string) => void, newId: () => string): Session {
  const { subscriptions } = socket.data;
  return {
    subscribe(method, start) {
      if (subscriptions.size >= SUBSCRIPTIONS_MAX) throw new RpcError(-32006, "Too many subscriptions on the connection", `Exceeded max limit of ${SUBSCRIPTIONS_MAX}`);
      const subscription = newId();
      subscriptions.set(subscription, start((result) => send(JSON.stringify({ jsonrpc: "2.0", method, params: { subscription, result } }))));
      return subscription;
    },
    unsubscribe(id) {
      subscriptions.get(id)?.();
      return subscriptions.delete(id);
    },
  };
}

/** The answer to one message, be it a request, a batch or garbage; null if none is due. */
function answerText(methods: ReadonlyMap<string, Method>, session: Session, message: string | Buffer): string | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(String(message));
  } catch {
    return failure(null, -32700, "Parse error");
  }
  if (!Array.isArray(parsed)) return answerOne(methods, session, parsed);
  if (parsed.length === 0 || parsed.length > BATCH_MAX) return failure(null, -32600, "Invalid request");
  const answers = parsed.map((request) => answerOne(methods, session, request)).filter((answer) => answer !== null);
  return answers.length > 0 ? `[${answers.join(",")}]` : null;
}

function answerOne(methods: ReadonlyMap<string, Method>, session: Session, request: unknown): string | null {
  if (typeof request !== "object" || request === null) return failure(null, -32600, "Invalid request");
  const { id, method, params } = request as { id?: unknown; method?: unknown; params?: unknown };
  if (typeof id !== "number" && typeof id !== "string") return id === undefined && typeof method === "string" ? null : failure(null, -32600, "Invalid request");
  const handler = typeof method === "string" ? methods.get(method) : undefined;
  if (!handler) return failure(id, -32601, "Method not found");
  if (params !== undefined && !Array.isArray(params)) return failure(id, -32602, "Invalid params");
  try {
    return JSON.stringify({ jsonrpc: "2.0", id, result: handler(params ?? [], session) ?? null });
  } catch (error) {
    if (error instanceof RpcError || error instanceof PoolError) return failure(id, error.code, error.message, error.data);
    if (error instanceof DecodeError) return failure(id, -32602, "Invalid params", error.message);
    // A bug of ours; the other connections need not fall with this request.
    return failure(id, -32603, "Internal error", describeError(error));
  }
}

function failure(id: string | number | null, code: number, message: string, data?: string): string {
  return JSON.stringify({ jsonrpc: "2.0", id, error: { code, message, data } });
}
