/** `btstore weights show|set`: the weights of a subnet by hand. `btstore validate` sets its own from its audits. */
import type { SubnetWeights, Weight } from "../lib/chain/mod.ts";
import { BtstoreError, formatDuration } from "../lib/core/mod.ts";
import { storeFolder } from "../lib/store/mod.ts";
import { command } from "./command.ts";
import { onlyLocation, openChain, openHotkey } from "./context.ts";
import { print, printJson, table } from "./output.ts";
import { versionNumber } from "./version.ts";

/** Weights shown in a row of the table; JSON has all. */
const SHOWN_MAX = 5;

export const show = command("weights show", async (run) => {
  const chain = await openChain(run);
  try {
    const weights = await chain.subnetWeights(run.flags.netuid);
    if (run.flags.json) return printJson(weights);
    print(rules(weights, chain.blockMs));
    print("");
    print(rowsOf(weights));
  } finally {
    await chain.close();
  }
});

export const set = command("weights set", async (run) => {
  const { flags, log } = run;
  const weights = flags.weights.map(parseWeight);
  if (weights.length === 0) throw new BtstoreError("usage", "No weights given: --weights takes uid=share separated by commas, such as 3=1,5=0.5");
  if (new Set(weights.map(({ uid }) => uid)).size < weights.length) throw new BtstoreError("usage", 'Cannot read "--weights": a uid is named twice');
  const folder = storeFolder(onlyLocation(flags));
  const hotkey = await openHotkey(run);
  const chain = await openChain(run, folder);
  try {
    const outcome = await chain.setWeights(hotkey, flags.netuid, weights, versionNumber());
    if (flags.json) return printJson({ hotkey: hotkey.ss58, netuid: flags.netuid, ...outcome });
    if (outcome.kind === "set") return log.info("The weights are set; they count from the next epoch on");
    const wait = formatDuration(Math.max(0, outcome.revealBlock - chain.head().number) * chain.blockMs);
    log.info(`The weights are committed; they are revealed from block ${outcome.revealBlock} on, in about ${wait}`);
  } finally {
    await chain.close();
  }
});

/** `3=0.5`. */
function parseWeight(text: string): Weight {
  const match = /^(\d{1,5})=(\d+(?:\.\d+)?)$/.exec(text.trim());
  const uid = Number(match?.[1]);
  if (!match || uid > 65_535) throw new BtstoreError("usage", `Cannot read "--weights": "${text}" is not uid=share, such as 3=0.5`);
  return { uid, weight: Number(match[2]) };
}

function rules({ netuid, block, nextEpochBlock, tempo, isCommitRevealEnabled, rateLimitBlocks, versionKey, minAllowedWeights }: SubnetWeights, blockMs: number): string {
  const wait = formatDuration(Math.max(0, nextEpochBlock - block) * blockMs);
  return [
    `Subnet ${netuid} at block ${block}; the next epoch begins at block ${nextEpochBlock}, in about ${wait}, then every ${tempo} blocks`,
    `Weights are ${isCommitRevealEnabled ? "committed to and revealed later" : "set directly"}, at most once in ${rateLimitBlocks} blocks, for at least ${minAllowedWeights} ${minAllowedWeights === 1 ? "neuron" : "neurons"}, by validators from version ${versionKey} on`,
  ].join("\n");
}

function rowsOf({ rows }: SubnetWeights): string {
  const cells = rows.map(({ uid, hotkey, hasValidatorPermit, lastUpdate, weights }) => {
    const sum = weights.reduce((total, { value }) => total + value, 0);
    const shown = [...weights].sort((a, b) => b.value - a.value).slice(0, SHOWN_MAX).map((each) => `${each.uid}: ${((100 * each.value) / sum).toFixed(1)} %`);
    const more = weights.length > SHOWN_MAX ? [`${weights.length - SHOWN_MAX} more`] : [];
    return [String(uid), hotkey, hasValidatorPermit ? "yes" : "no", lastUpdate === 0 ? "never" : String(lastUpdate), [...shown, ...more].join(", ") || "none"];
  });
  return table([{ heading: "UID", align: "right" }, { heading: "HOTKEY" }, { heading: "PERMIT" }, { heading: "SET AT", align: "right" }, { heading: "WEIGHTS" }], cells);
}
