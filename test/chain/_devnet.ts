/** A small embedded chain with one subnet, and a wire to it that can be cut. */
import { connect, createServer, type Socket } from "node:net";
import type { Head, Link } from "../../lib/chain/link.ts";
import { openLink } from "../../lib/chain/client.ts";
import { type Clock, silentLog, systemClock } from "../../lib/core/mod.ts";
import { type ChainOptions, type DevnetChain, type GenesisSubnet, startChain } from "../../lib/devnet/chain/mod.ts";
import { cryptoReady, keypairFromUri } from "../../lib/wallet/mod.ts";

export const NETUID = 1;
const TAO = 1_000_000_000n;

export type Network = { chain: DevnetChain; link: Link; close(): Promise<void> };

export type NetworkOptions = Partial<Omit<ChainOptions, "subnet">> & { subnet?: Partial<GenesisSubnet> };

/** Two validators (uids 0 and 1) and three miners, all of the coldkey //Owner; //Alice has the money. */
export async function startNetwork({ subnet, ...options }: NetworkOptions = {}): Promise<Network> {
  await cryptoReady();
  const coldkey = keypairFromUri("//Owner").ss58;
  const hotkeys = ["//Validator0", "//Validator1", "//Miner2", "//Miner3", "//Miner4"].map((uri) => keypairFromUri(uri).ss58);
  const neurons = hotkeys.map((hotkey, uid) => ({ hotkey, coldkey, stake: uid < 2 ? BigInt(3000 - 500 * uid) * TAO : 0n }));
  const chain = await startChain({ blockMs: 40, tempoBlocks: 20, subnet: { netuid: NETUID, owner: coldkey, neurons, weightsSetRateLimit: 1000, servingRateLimit: 1000, ...subnet }, ...options });
  const { link, close } = await openLink({ endpoints: [chain.url], log: silentLog });
  return {
    chain,
    link,
    async close() {
      await close();
      await chain.stop();
    },
  };
}

/** A clock whose time runs faster than the machine's, so that blocks of a second come in milliseconds. */
export function fastClock(factor: number): Clock {
  const [now, monotonic] = [Date.now(), performance.now()];
  return {
    now: () => now + (performance.now() - monotonic) * factor,
    monotonic: () => performance.now() * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
  };
}

/** Resolves with the first head from `number` on. */
export const headFrom = (link: Pick<Link, "head" | "onHead">, number: number) =>
  new Promise<Head>((resolve) => {
    const check = (head: Head) => void (head.number >= number && (stop(), resolve(head)));
    const stop = link.onHead(check);
    check(link.head());
  });

/** A TCP relay to a port of this machine. `cut()` ends every connection through it, as a failing network does. */
export async function startRelay(port: number): Promise<{ url: string; cut(): void; stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const [from, to] of [[near, far], [far, near]] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => (sockets.delete(from), to.destroy()));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return {
    url: `ws://127.0.0.1:${(server.address() as { port: number }).port}`,
    cut,
    stop: () => new Promise((resolve) => (cut(), server.close(() => resolve()))),
  };
}

/**
 * A WebSocket relay that shows clients a runtime one version older until `upgrade()`, then tells them of the real one.
 * The chain behind it always runs the real one, so what is signed for the old version is refused as badly signed.
 */
export function startUpgradeRelay(url: string): { url: string; upgrade(): void; announce(): void; refused: Set<string>; stop(): Promise<void> } {
  /** Methods that are answered with an error. */
  const refused = new Set<string>();
  let isUpgraded = false;
  let announcement: { subscription: unknown; result: Record<string, unknown> } | null = null;
  let versionRequest: unknown;
  let send = (_text: string) => {};
  const server = Bun.serve<{ upstream: WebSocket | null }>({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, self) => (self.upgrade(request, { data: { upstream: null } }) ? undefined : new Response(null, { status: 400 })),
    websocket: {
      open(near) {
        const far = new WebSocket(url);
        near.data.upstream = far;
        send = (text) => void near.send(text);
        far.onmessage = ({ data }) => {
          const message = JSON.parse(String(data));
          if (message.id === versionRequest) announcement = { subscription: message.result, result: {} };
          if (announcement && message.params?.subscription === announcement.subscription) announcement.result = message.params.result;
          near.send(isUpgraded ? String(data) : String(data).replace(/"specVersion":(\d+)/, (_, version) => `"specVersion":${Number(version) - 1}`));
        };
        far.onclose = () => near.close();
      },
      message(near, text) {
        const { id, method } = JSON.parse(String(text));
        if (method === "state_subscribeRuntimeVersion") versionRequest = id;
        if (refused.has(method)) return void near.send(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32000, message: "Refused" } }));
        const far = near.data.upstream!;
        if (far.readyState === WebSocket.OPEN) far.send(String(text));
        else far.addEventListener("open", () => far.send(String(text)), { once: true });
      },
      close: (near) => near.data.upstream?.close(),
    },
  });
  return {
    url: `ws://127.0.0.1:${server.port}`,
    refused,
    upgrade: () => void (isUpgraded = true),
    announce: () => send(JSON.stringify({ jsonrpc: "2.0", method: "state_runtimeVersion", params: announcement })),
    stop: () => server.stop(true),
  };
}
