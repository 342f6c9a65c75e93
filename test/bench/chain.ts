/**
 * A validator's chain client over many blocks: start to first metagraph with 256 neurons, and whether its memory stays
 * flat while it follows heads, reads metagraphs and sets weights. Expected limits: decoding metadata by polkadot.js for
 * the start; for memory the heap that polkadot.js keeps.
 *
 * `bun test/bench/chain.ts [blocks]` (10,000 take some minutes); tiny under the test command.
 */
import { cpus } from "node:os";
import { join } from "node:path";
import { RAO_PER_TAO } from "../../lib/core/mod.ts";
import { startChain } from "../../lib/devnet/mod.ts";
import { cryptoReady, keypairFromUri } from "../../lib/wallet/mod.ts";

/** Memory of the client at one block, after a full collection. */
export type Sample = { readonly block: number; readonly heapBytes: number; readonly rssBytes: number; readonly weightsCount: number };
export type ChainFigures = { readonly firstMetagraphMs: number; readonly neurons: number; readonly samples: readonly Sample[] };

const NETUID = 1;
const NEURONS = 256;
/** Blocks of a second on the chain's own clock; they are made as fast as the client follows. */
const BLOCK_MS = 1000;
const TEMPO = 50;

/** Lets a client of its own process follow so many blocks. */
export async function measureChain(blocks: number): Promise<ChainFigures> {
  await cryptoReady();
  const coldkey = keypairFromUri("//Owner").ss58;
  const neurons = Array.from({ length: NEURONS }, (_, uid) => ({
    hotkey: keypairFromUri(uid === 0 ? "//Validator" : `//Miner${uid}`).ss58, coldkey, stake: uid === 0 ? 3000n * RAO_PER_TAO : 0n,
  }));
  const chain = await startChain({ blockMs: BLOCK_MS, tempoBlocks: TEMPO, sealing: "manual", subnet: { netuid: NETUID, owner: coldkey, neurons, weightsSetRateLimit: TEMPO / 2 } });
  const client = Bun.spawn([process.execPath, join(import.meta.dir, "chain_client.ts"), chain.url, String(NETUID), String(blocks)], { stdout: "pipe" });
  const samples: Sample[] = [];
  let first: { firstMetagraphMs: number; neurons: number } | null = null;
  try {
    let rest = "";
    for await (const chunk of client.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const facts = JSON.parse(line) as Sample & { firstMetagraphMs: number; neurons: number };
        if ("firstMetagraphMs" in facts) first = facts;
        else samples.push(facts);
        if (chain.head().number < blocks) chain.produceBlocks(1);
      }
    }
    if ((await client.exited) !== 0 || first === null) throw new Error("the client ended before it had seen every block");
    return { ...first, samples };
  } finally {
    client.kill("SIGKILL");
    await chain.stop();
  }
}

/** The median of a quarter of the samples: 0 the first after a tenth of all, for warming up, 1 the last. */
export function levels(samples: readonly Sample[], of: (sample: Sample) => number): { early: number; late: number } {
  const quarter = Math.max(1, Math.floor(samples.length / 4));
  const start = Math.floor(samples.length / 10);
  const median = (part: readonly Sample[]) => part.map(of).sort((a, b) => a - b)[Math.floor(part.length / 2)]!;
  return { early: median(samples.slice(start, start + quarter)), late: median(samples.slice(-quarter)) };
}

if (import.meta.main) {
  const blocks = Number(process.argv[2] ?? 10_000);
  const { firstMetagraphMs, neurons, samples } = await measureChain(blocks);
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  console.log(`${cpus()[0]!.model}, ${cpus().length} cores; ${neurons} neurons, ${blocks} blocks, weights set ${samples.at(-1)!.weightsCount} times`);
  console.log(`start to first metagraph: ${firstMetagraphMs.toFixed(0)} ms`);
  for (const [name, of] of [["heap", (sample: Sample) => sample.heapBytes], ["resident", (sample: Sample) => sample.rssBytes]] as const) {
    const { early, late } = levels(samples, of);
    console.log(`${name}: ${mib(early)} early, ${mib(late)} late (${((100 * (late - early)) / early).toFixed(1)} %)`);
  }
}
