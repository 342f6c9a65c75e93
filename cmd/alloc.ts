/** `btstore alloc`: plans the partitions by stake, shows the plan, asks, and fills. Run again it goes on where it stopped. */
import { BtstoreError, CHUNK_BYTES, formatDuration, formatSize, formatTao, RAO_PER_TAO, SEAL_PROFILE } from "../lib/core/mod.ts";
import { type AllocationPlan, isWhole, measureUnit, planSealing, planStore, sealPartitions, unitsToSeal } from "../lib/miner/mod.ts";
import { type FillPlan, openStore, type PlanOutcome, type Store } from "../lib/store/mod.ts";
import type { Hotkey } from "../lib/wallet/mod.ts";
import { allocateAsValidator, type ChainFacts } from "./alloc_validator.ts";
import { command, type Run } from "./command.ts";
import { onlyLocation, openChain, openHotkey } from "./context.ts";
import { print, printJson, table } from "./output.ts";
import { openProgress } from "./progress.ts";
import { canAsk, confirm } from "./prompt.ts";

/** From this many units on, a unit is timed before the question, so that the answer can weigh the hours. */
const TIMED_UNITS = 64;

export const alloc = command("alloc", async (run: Run<"alloc">) => {
  const { flags, origins } = run;
  if (flags.force && !flags.restart) throw new BtstoreError("usage", "Cannot use --force alone: it lets --restart destroy stored user data, nothing else");
  if (flags.validator && flags.restart) throw new BtstoreError("usage", "Cannot begin anew as a validator: --validator fills nothing; leave --restart out");
  if (!flags.validator && !flags.no_prompt && !canAsk()) throw new BtstoreError("usage", "Cannot ask for confirmation: stdin is no terminal; --no_prompt goes ahead without asking");
  onlyLocation(flags);
  const hotkey = await openHotkey(run);
  const chain = await readChain(run, hotkey);
  if (flags.validator) return allocateAsValidator(run, hotkey, chain);

  const { netuid } = flags;
  const store = await openStore({ ...onlyLocation(flags), self: hotkey.ss58, netuid, genesisHash: chain.genesisHash });
  try {
    const plan = await planStore(store, chain.metagraph, hotkey.ss58, {
      threshold: flags.size !== null && origins.threshold === "default" ? null : flags.threshold, sizeBytes: flags.size, isForAll: flags["allocate.all"],
    });
    const unitCount = unitsToSeal(store, plan.allotments, flags.restart);
    const fill = planSealing(unitCount, flags.workers);
    const isChange = flags.restart || unitCount > 0 || changesShape(store, plan);
    if (!flags.json) {
      print(planTable(plan, flags.restart));
      print(`\n${await planWords(run, plan, fill, unitCount)}`);
    }
    if (flags.size !== null && plan.budgetBytes < flags.size) run.log.warn(`The budget is ${formatSize(plan.budgetBytes)}, not the ${formatSize(flags.size)} of --size: the disk or --threshold allows no more`);
    if (isChange && !flags.no_prompt && !(await confirm(run.screen, question(store, plan, flags.restart), "--no_prompt", run.signal))) {
      throw new BtstoreError("cancelled", "Nothing was changed");
    }
    const outcome = await store.applyPlan(plan.allotments, { restart: flags.restart });
    for (const { validator, error } of store.problems()) run.log.error("A partition cannot be used", { validator, reason: error.message });
    const startedMs = performance.now();
    await seal(run, store, fill);
    report(run, hotkey, store, plan, outcome, { seconds: (performance.now() - startedMs) / 1000, unitCount, fill });
    const [problem] = store.problems();
    if (problem) throw new BtstoreError(problem.error.code, problem.error.message, { cause: problem.error });
  } finally {
    await store.close();
  }
});

/** Reads what is needed of the chain and lets it go: filling may take days. */
async function readChain(run: Run<"alloc">, { ss58 }: Hotkey): Promise<ChainFacts> {
  const chain = await openChain(run);
  try {
    const metagraph = await chain.metagraph(run.flags.netuid);
    if (!metagraph.neurons.some(({ hotkey }) => hotkey === ss58)) {
      throw new BtstoreError("not_registered", `Cannot allocate: hotkey ${ss58} is not registered on subnet ${metagraph.netuid}; register it first, or choose another with --wallet.name, --wallet.hotkey and --netuid`);
    }
    return { metagraph, genesisHash: chain.genesisHash, blockMs: chain.blockMs };
  } finally {
    await chain.close();
  }
}

/** Whether carrying the plan out makes, resizes or removes a partition. */
function changesShape(store: Store, { allotments, current }: AllocationPlan): boolean {
  const planned = new Map(allotments.map(({ validator, chunkCount }) => [validator, chunkCount]));
  return allotments.some(({ validator, chunkCount }) => (current.get(validator) ?? 0) !== chunkCount)
    || store.partitions().some((partition) => !planned.has(partition.validator) || !isWhole(partition));
}

function planTable({ allotments, shares, current }: AllocationPlan, isRestart: boolean): string {
  // The rule's one TAO besides is part of the share (DESIGN section 3).
  const total = shares.reduce((sum, { stake }) => sum + stake + RAO_PER_TAO, 0n);
  const planned = new Set(allotments.map(({ validator }) => validator));
  const rows = shares.map(({ hotkey, stake }, i) => {
    const { chunkCount } = allotments[i]!;
    const now = current.get(hotkey) ?? 0;
    const share = Number(((stake + RAO_PER_TAO) * 1_000_000n) / total) / 1_000_000;
    return [hotkey, formatTao(roundTao(stake)), `${(share * 100).toFixed(2)} %`, String(chunkCount), size(now), then(now, chunkCount, isRestart)];
  });
  for (const [validator, chunks] of current) if (!planned.has(validator)) rows.push([validator, "–", "–", "0", size(chunks), "removed: may not audit"]);
  return table(
    [{ heading: "VALIDATOR" }, { heading: "STAKE", align: "right" }, { heading: "SHARE", align: "right" }, { heading: "CHUNKS", align: "right" }, { heading: "NOW", align: "right" }, { heading: "→ THEN" }],
    rows,
  );
}

function size(chunks: number): string {
  return chunks === 0 ? "–" : formatSize(chunks * CHUNK_BYTES);
}

function then(now: number, chunks: number, isRestart: boolean): string {
  if (chunks === 0) return now === 0 ? "→ none: its share is under 1 MiB" : "→ removed: its share is under 1 MiB";
  return now === chunks ? (isRestart ? "→ begun anew" : "→ stays") : `→ ${size(chunks)}`;
}

/** Stakes of thousands of TAO with nine digits behind the point are hard to read. */
function roundTao(stake: bigint): bigint {
  return stake - (stake % 1_000_000n);
}

/** What it will take, in lines for people. */
async function planWords({ flags, signal }: Run<"alloc">, plan: AllocationPlan, fill: FillPlan, unitCount: number): Promise<string> {
  const { budgetBytes, space, allotments } = plan;
  const bytes = allotments.reduce((sum, { chunkCount }) => sum + chunkCount, 0) * CHUNK_BYTES;
  const lines = [`Budget    ${formatSize(budgetBytes)} of the ${formatSize(space.freeBytes + space.takenBytes)} there are (free, or in our partitions); ${formatSize(bytes)} in whole units`];
  if (unitCount === 0) return [...lines, "To seal   nothing", ...adviceWords(plan)].join("\n");
  const isTimed = unitCount >= TIMED_UNITS && !flags.no_prompt;
  const time = isTimed ? `, about ${formatDuration((unitCount * (await measureUnit(signal)).unitMs) / fill.workers)}` : "";
  lines.push(`To seal   ${unitCount} unit${unitCount === 1 ? "" : "s"}${time}`);
  const caps = { nothing: "", cores: "; capped by the cores there are", memory: "; capped by the memory that is free", work: "; there is no work for more" };
  lines.push(`Workers   ${fill.workers} of ${flags.workers} allowed${caps[fill.cappedBy]}`);
  lines.push(`Memory    ${formatSize(fill.memoryBytes)}`);
  return [...lines, ...adviceWords(plan)].join("\n");
}

/** What small partitions earn, and how to get larger ones. */
function adviceWords({ advice, shares }: AllocationPlan): string[] {
  if (advice === null) return [];
  const { belowCount, sectorBytes, budgetBytes, threshold } = advice;
  return [
    `Advice    ${belowCount} of ${shares.length} partitions are below one full sector (${formatSize(sectorBytes)}); so few bytes earn next to nothing`,
    threshold <= 1
      ? `          --threshold ${threshold} (${formatSize(budgetBytes)}) gives each validator a full sector`
      : `          this disk is too small to give each validator a full sector: that takes ${formatSize(budgetBytes)}`,
  ];
}

function question(store: Store, { allotments }: AllocationPlan, isRestart: boolean): string {
  const count = allotments.filter(({ chunkCount }) => chunkCount > 0).length;
  const bytes = allotments.reduce((sum, { chunkCount }) => sum + chunkCount, 0) * CHUNK_BYTES;
  const sealed = store.partitions().reduce((sum, partition) => sum + partition.sealedBytes(), 0);
  const loss = isRestart && sealed > 0 ? `Throw away the ${formatSize(sealed)} that are sealed, and allocate` : "Allocate";
  return `${loss} ${formatSize(bytes)} in ${count} partition${count === 1 ? "" : "s"} at "${store.dir}"?`;
}

/** Fills, with a bar per partition. */
async function seal({ flags, signal, log, screen }: Run<"alloc">, store: Store, plan: FillPlan): Promise<void> {
  const partitions = store.partitions();
  // What a resize changes is gone from here on, and not counted as done.
  for (const partition of partitions) await partition.settle();
  if (partitions.every(isWhole)) return;
  const progress = openProgress(screen, flags.json ? "none" : "auto");
  const bars = new Map(partitions.map((partition) => [partition.validator, progress.bar(shortAddress(partition.validator), partition.geometry.byteLength, partition.sealedBytes())]));
  try {
    await sealPartitions(partitions, {
      workersWanted: flags.workers, plan, log, signal,
      onProgress: (all) => all.partitions.forEach(({ validator, doneBytes }) => bars.get(validator)?.set(doneBytes)),
    });
  } catch (error) {
    if (!(error instanceof BtstoreError) || error.code !== "cancelled" || !signal.aborted) throw error;
    const reason = signal.reason instanceof BtstoreError ? signal.reason.message : "Stopped";
    throw new BtstoreError("cancelled", `${reason}: ${formatSize(sealedBytes(store))} of ${formatSize(wantedBytes(store))} are sealed and stay; run the same command again to go on`, { cause: error });
  } finally {
    progress.close();
  }
}

/** `5F3sa2TJ…`: enough to tell bars apart. */
function shortAddress(address: string): string {
  return `${address.slice(0, 8)}…`;
}

function sealedBytes(store: Store): number {
  return store.partitions().reduce((sum, partition) => sum + partition.sealedBytes(), 0);
}

function wantedBytes(store: Store): number {
  return store.partitions().reduce((sum, partition) => sum + partition.wantedGeometry.byteLength, 0);
}

type Done = { readonly seconds: number; readonly unitCount: number; readonly fill: FillPlan };

function report({ flags }: Run<"alloc">, { ss58 }: Hotkey, store: Store, plan: AllocationPlan, outcome: PlanOutcome, { seconds, unitCount, fill }: Done): void {
  const partitions = store.partitions();
  if (!flags.json) {
    const bytes = Math.min(unitCount * SEAL_PROFILE.chunksPerUnit * CHUNK_BYTES, sealedBytes(store));
    const work = unitCount === 0 ? "Nothing was left to seal" : `Sealed ${formatSize(bytes)} in ${formatDuration(seconds * 1000)} (${formatSize(bytes / seconds)}/s)`;
    return print(`${work}: ${partitions.length} partition${partitions.length === 1 ? "" : "s"}, ${formatSize(sealedBytes(store))} at "${store.dir}"`);
  }
  printJson({
    netuid: flags.netuid, hotkey: ss58, folder: store.dir,
    budgetBytes: plan.budgetBytes, availableBytes: plan.space.freeBytes + plan.space.takenBytes,
    workers: fill.workers, workersCappedBy: fill.cappedBy, memoryBytes: fill.memoryBytes,
    sealedUnits: unitCount, seconds,
    created: outcome.created, resized: outcome.resized, removed: outcome.removed,
    partitions: plan.shares.map(({ hotkey, stake }, i) => {
      const partition = store.partition(hotkey);
      return { validator: hotkey, stake, chunks: plan.allotments[i]!.chunkCount, sizeBytes: partition?.geometry.byteLength ?? 0, sealedBytes: partition?.sealedBytes() ?? 0, sectors: partition?.declared().roots.length ?? 0 };
    }),
    problems: store.problems().map(({ validator, error }) => ({ validator, code: error.code, reason: error.message })),
    advice: plan.advice,
  });
}
