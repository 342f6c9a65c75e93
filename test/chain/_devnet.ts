/** A small embedded chain with one subnet, and a wire to it that can be cut. */
import { connect, createServer, type Socket } from "node:net";
import { type Link } from "../../lib/chain/link.ts";
import { openLink } from "../../lib/chain/client.ts";
import { silentLog } from "../../lib/core/mod.ts";
import { type ChainOptions, type DevnetChain, startChain } from "../../lib/devnet/chain/mod.ts";
import { cryptoReady, keypairFromUri } from "../../lib/wallet/mod.ts";

export const NETUID = 1;
const TAO = 1_000_000_000n;

export type Network = { chain: DevnetChain; link: Link; close(): Promise<void> };

/** Two validators (uids 0 and 1) and three miners, all of the coldkey //Owner; //Alice has the money. */
export async function startNetwork(options: Partial<ChainOptions> = {}): Promise<Network> {
  await cryptoReady();
  const coldkey = keypairFromUri("//Owner").ss58;
  const hotkeys = ["//Validator0", "//Validator1", "//Miner2", "//Miner3", "//Miner4"].map((uri) => keypairFromUri(uri).ss58);
  const neurons = hotkeys.map((hotkey, uid) => ({ hotkey, coldkey, stake: uid < 2 ? BigInt(3000 - 500 * uid) * TAO : 0n }));
  const chain = await startChain({ blockMs: 40, tempoBlocks: 20, subnet: { netuid: NETUID, owner: coldkey, neurons, weightsSetRateLimit: 1000, servingRateLimit: 1000 }, ...options });
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
