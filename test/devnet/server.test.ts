/** The embedded chain's server against what strangers send. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type DevnetChain, startChain } from "../../lib/devnet/mod.ts";

let chain: DevnetChain;
beforeAll(async () => {
  chain = await startChain({ blockMs: 1000, sealing: "manual" });
});
afterAll(() => chain.stop());

/** A bare socket: `ask` sends a text and gives the next message, or `closed`. */
async function open() {
  const socket = new WebSocket(chain.url);
  const waiting: ((message: any) => void)[] = [];
  const early: any[] = [];
  const deliver = (message: any) => (waiting.length > 0 ? waiting.shift()!(message) : early.push(message));
  socket.onmessage = ({ data }) => deliver(JSON.parse(String(data)));
  socket.onclose = () => deliver("closed");
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const next = () => new Promise<any>((resolve) => (early.length > 0 ? resolve(early.shift()) : waiting.push(resolve)));
  return {
    next,
    ask: (message: unknown) => {
      socket.send(typeof message === "string" ? message : JSON.stringify(message));
      return next();
    },
    close: () => socket.close(),
  };
}

const request = (method: string, params: unknown[] = [], id: number = 1) => ({ jsonrpc: "2.0", id, method, params });

describe("serveRpc()", () => {
  test("answers garbage with the code for it and goes on", async () => {
    const client = await open();
    for (const [message, code] of [
      ["{", -32700], ["\u0000", -32700], ["null", -32600], ["[]", -32600], ["7", -32600], [{ id: null, method: "system_name" }, -32600], [{ id: {}, method: "x" }, -32600],
      [{ id: 1 }, -32601], [request("no_such"), -32601], [request("__proto__"), -32601], [request("constructor"), -32601], [{ ...request("system_name"), params: {} }, -32602],
      [JSON.stringify(new Array(65).fill(request("system_name"))), -32600],
      [request("state_getStorage", ["zz"]), -32602], [request("state_getStorage", [{}]), -32602], [request("state_getStorage", ["0x0"]), -32602],
      [request("state_getStorage", ["0x00", "0x00"]), -32602], [request("state_getStorage", ["0x00", `0x${"00".repeat(32)}`]), 4003],
      [request("state_queryStorageAt", [new Array(4097).fill("0x00")]), -32602], [request("state_getKeysPaged", ["0x", 1001]), -32602], [request("state_getKeysPaged", ["0x", "many"]), -32602],
      [request("state_call", ["no_such", "0x"]), 4003], [request("state_call", ["Core_constructor", "0x"]), 4003], [request("state_call", ["__proto___x", "0x"]), 4003],
      [request("state_call", ["Core_version", "0x00"]), -32602], [request("state_call", ["SubnetInfoRuntimeApi_get_selective_metagraph", "0x0100feffffff"]), -32602],
      [request("system_accountNextIndex", ["5Nonsense"]), -32602], [request("author_submitExtrinsic", []), -32602], [request("author_submitExtrinsic", ["0x00"]), 1001],
    ] as const) {
      const answer = await client.ask(message as never);
      expect(answer.error?.code, JSON.stringify(message).slice(0, 120)).toBe(code);
    }
    expect((await client.ask(request("system_name"))).result).toBe("btstore devnet");
    client.close();
  });

  test("answers a batch in order, and nothing to a notification", async () => {
    const client = await open();
    const answers = await client.ask([request("system_chainType", [], 1), { jsonrpc: "2.0", method: "system_name" }, request("no_such", [], 2)]);
    expect(answers).toEqual([{ jsonrpc: "2.0", id: 1, result: "Development" }, { jsonrpc: "2.0", id: 2, error: { code: -32601, message: "Method not found" } }]);
    client.close();
  });

  test("names a subscription before it speaks, and falls silent when it ends", async () => {
    const client = await open();
    const { result: id } = await client.ask(request("chain_subscribeNewHeads"));
    const first = await client.next();
    expect(first.params.subscription).toBe(id);
    chain.produceBlocks(1);
    expect((await client.next()).params.result.number).toBe(`0x${chain.head().number.toString(16)}`);
    expect((await client.ask(request("chain_unsubscribeNewHeads", [id]))).result).toBe(true);
    expect((await client.ask(request("chain_unsubscribeNewHeads", [id]))).result).toBe(false);
    chain.produceBlocks(1);
    expect((await client.ask(request("system_name", [], 9))).id).toBe(9);
    client.close();
  });

  test("bounds subscriptions per connection", async () => {
    const client = await open();
    for (let i = 0; i < 256; i++) {
      expect((await client.ask(request("chain_subscribeNewHeads"))).result).toBeString();
      await client.next();
    }
    expect((await client.ask(request("chain_subscribeNewHeads"))).error.code).toBe(-32006);
    client.close();
  });

  test("cuts off who sends more than a MiB at once, and serves the others", async () => {
    const client = await open();
    expect(await client.ask("x".repeat((1 << 20) + 1))).toBe("closed");
    const other = await open();
    expect((await other.ask(request("system_name"))).result).toBe("btstore devnet");
    other.close();
  });

  test("bounds connections, and takes new ones when old ones go", async () => {
    const clients: Awaited<ReturnType<typeof open>>[] = [];
    let refused = false;
    while (!refused && clients.length <= 300) await open().then((one) => clients.push(one), () => (refused = true));
    expect(refused).toBe(true);
    expect(clients.length).toBeLessThanOrEqual(256);
    const [first] = clients;
    first!.close();
    expect(await first!.next()).toBe("closed");
    const again = await open();
    expect((await again.ask(request("system_name"))).result).toBe("btstore devnet");
    for (const one of [...clients, again]) one.close();
  });

  test("tells a plain HTTP request what it wants", async () => {
    expect((await fetch(chain.url.replace("ws:", "http:"))).status).toBe(426);
  });
});
