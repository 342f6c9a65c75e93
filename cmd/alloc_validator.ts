/** `btstore alloc --validator`: hashes files and declarations, no data. */
import { formatSize, systemClock, windowsFor } from "../lib/core/mod.ts";
import type { Metagraph } from "../lib/chain/mod.ts";
import { storeFolder } from "../lib/store/mod.ts";
import { type AllocatedMiner, allocateHashes, openLedgers } from "../lib/validator/mod.ts";
import type { Hotkey } from "../lib/wallet/mod.ts";
import { Dendrite } from "../lib/wire/mod.ts";
import type { Run } from "./command.ts";
import { onlyLocation } from "./context.ts";
import { print, printJson, table } from "./output.ts";

/** The chain as it was read once. */
export type ChainFacts = { readonly metagraph: Metagraph; readonly genesisHash: Uint8Array; readonly blockMs: number };

/** Makes a validator's folder and says who declares what. Throws what `openLedgers` and `allocateHashes` throw. */
export async function allocateAsValidator({ flags, log, signal }: Run<"alloc">, hotkey: Hotkey, { metagraph, genesisHash, blockMs }: ChainFacts): Promise<void> {
  const { netuid } = metagraph;
  const folder = storeFolder(onlyLocation(flags));
  if (!metagraph.neurons.some((neuron) => neuron.hotkey === hotkey.ss58 && neuron.hasValidatorPermit)) {
    log.warn("This hotkey has no validator permit: miners will not give it their declarations");
  }
  const ledgers = await openLedgers({ folder, self: hotkey.ss58, netuid, genesisHash, windows: windowsFor(blockMs) });
  const dendrite = new Dendrite({ hotkey });
  let miners: AllocatedMiner[];
  try {
    miners = await allocateHashes({ hotkey, metagraph, genesisHash, isForAll: flags["allocate.all"], folder, ledgers, dendrite, clock: systemClock, signal });
  } finally {
    await dendrite.close();
    await ledgers.close();
  }
  if (flags.json) return printJson({ netuid, hotkey: hotkey.ss58, folder, miners });
  const rows = miners.map(({ uid, hotkey: miner, declaredBytes, fault }) => [String(uid), miner, declaredBytes === 0 ? "–" : formatSize(declaredBytes), fault ?? "answered"]);
  print(table([{ heading: "UID", align: "right" }, { heading: "MINER" }, { heading: "DECLARED", align: "right" }, { heading: "DECLARATION" }], rows));
  const silent = miners.filter(({ fault }) => fault !== null).length;
  print(`\n${miners.length} miner${miners.length === 1 ? "" : "s"}, ${miners.length - silent} answered, ${silent} did not; ${formatSize(miners.reduce((sum, { declaredBytes }) => sum + declaredBytes, 0))} declared. Folder: ${folder}`);
}
