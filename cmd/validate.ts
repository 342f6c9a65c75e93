/** `btstore validate`: audits the subnet's miners and sets weights until it is stopped, or for one round. */
import { formatDuration, formatSize, systemClock, windowsFor } from "../lib/core/mod.ts";
import { storeFolder } from "../lib/store/mod.ts";
import { openLedgers, openUnitComputer, Validator, type ValidatorReport } from "../lib/validator/mod.ts";
import { Dendrite } from "../lib/wire/mod.ts";
import { command, type Run } from "./command.ts";
import { onlyLocation, openChain, openHotkey } from "./context.ts";
import { minerTable } from "./miner_table.ts";
import { print, printJson } from "./output.ts";
import { sayEvery } from "./repeat.ts";
import { versionNumber } from "./version.ts";

export const validate = command("validate", async (run: Run<"validate">) => {
  const { flags, signal, log } = run;
  const location = onlyLocation(flags);
  const hotkey = await openHotkey(run);
  const chain = await openChain(run, storeFolder(location));
  const dendrite = new Dendrite({ hotkey });
  const units = openUnitComputer();
  try {
    const { netuid } = flags;
    const windows = windowsFor(chain.blockMs);
    const ledgers = await openLedgers({ folder: storeFolder(location), self: hotkey.ss58, netuid, genesisHash: chain.genesisHash, windows });
    try {
      const validator = await Validator.open({
        hotkey, netuid, chain, dendrite, ledgers, computeUnit: units.compute, clock: systemClock, log, versionKey: versionNumber(),
      });
      if (flags.once) {
        await validator.runOnce(signal);
        const report = validator.report();
        return flags.json ? printJson(report) : print(minerTable(report.miners));
      }
      sayEvery(flags["logging.interval"], signal, log, () => {
        const report = validator.report();
        if (flags.json) printJson(report);
        log.info(statusLine(report, chain.blockMs));
      });
      await validator.run(signal);
    } finally {
      await ledgers.close();
    }
  } finally {
    await units.close();
    await dendrite.close();
    await chain.close();
  }
});

/** One line for people. */
function statusLine({ block, isChainConnected, hasPermit, weightsBlock, weightsRefusal, miners }: ValidatorReport, blockMs: number): string {
  const sum = (pick: (miner: ValidatorReport["miners"][number]) => number) => miners.reduce((total, miner) => total + pick(miner), 0);
  const since = formatDuration((block - weightsBlock) * blockMs);
  return [
    `block ${block}${isChainConnected ? "" : " (the chain is away)"}`,
    `${miners.length} miners declare ${formatSize(sum(({ declaredBytes }) => declaredBytes))}, ${formatSize(sum(({ verifiedBytes }) => verifiedBytes))} verified`,
    `audits passed ${sum(({ passed }) => passed)}, failed ${sum(({ failed }) => failed)}, late ${sum(({ late }) => late)}, offline ${sum(({ offline }) => offline)}`,
    weightsBlock === 0 ? "weights never set" : `weights set ${since} ago`,
    ...(hasPermit ? [] : ["no validator permit"]),
    ...(weightsRefusal === null ? [] : [weightsRefusal]),
  ].join("; ");
}
