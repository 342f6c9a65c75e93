/** The measured process of `chain.ts`: does with the chain at an address what a validator does, and tells of itself. */
import { connectChain } from "../../lib/chain/mod.ts";
import { silentLog } from "../../lib/core/mod.ts";
import { keypairFromUri } from "../../lib/wallet/mod.ts";

const [url, netuidText, blocksText] = process.argv.slice(2);
const [netuid, blocks] = [Number(netuidText), Number(blocksText)];
/** As the validator does. */
const METAGRAPH_BLOCKS = 5;

const say = (facts: object) => process.stdout.write(`${JSON.stringify(facts)}\n`);
const begin = performance.now();
const chain = await connectChain({ endpoints: [url!], log: silentLog });
const { neurons } = await chain.metagraph(netuid);
say({ firstMetagraphMs: performance.now() - begin, neurons: neurons.length });

const validator = keypairFromUri("//Validator");
let weightsCount = 0;
for (let seen = 0; seen < blocks; ) {
  seen = chain.head().number;
  const epoch = await chain.nextEpochBlock(netuid);
  if (seen % METAGRAPH_BLOCKS === 0) await chain.metagraph(netuid);
  if (epoch - seen === 10) void chain.setWeights(validator, netuid, [{ uid: 1 + (seen % 100), weight: 1 }], 1).then(() => weightsCount++, () => {});
  Bun.gc(true);
  const { heapUsed, rss } = process.memoryUsage();
  say({ block: seen, heapBytes: heapUsed, rssBytes: rss, weightsCount });
  if (seen >= blocks) break;
  await new Promise<void>((resolve) => {
    const check = () => void (chain.head().number > seen && (stop(), resolve()));
    const stop = chain.onHead(check);
    check();
  });
}
await chain.close();
