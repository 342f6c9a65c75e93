/** `btstore verify`: re-reads a miner's partitions against their hashes, beside a running miner too. Needs neither wallet nor chain. */
import { BtstoreError, formatSize } from "../lib/core/mod.ts";
import { planSealing, sealPartitions } from "../lib/miner/mod.ts";
import { SealPool } from "../lib/native/mod.ts";
import { type Damage, describeDamage, openStore, type Partition, type ScrubResult, scrubPartition, type Store, storeFolder, storeIdentities, type StoreIdentity, type StoreProblem } from "../lib/store/mod.ts";
import { command, type Run } from "./command.ts";
import { onlyLocation } from "./context.ts";
import { print, printJson, table } from "./output.ts";
import { openProgress } from "./progress.ts";
import { verifyAuditFile } from "./verify_audit.ts";

/** Damages that are listed one by one for people; JSON has all that were kept. */
const LISTED_MAX = 100;

/** Units of a repair in hand at once are bounded by workers; more of them than this helps nothing. */
const REPAIR_UNITS = 128;

type Checked = { readonly partition: Partition; readonly sizeBytes: number; readonly sealedBytes: number; readonly result: ScrubResult };
type Outcome = { readonly checked: Checked[]; readonly problems: StoreProblem[] };

export const verify = command("verify", async (run: Run<"verify">) => {
  const { flags } = run;
  if (flags.audit !== null) return verifyAuditFile(flags.audit, flags.json);
  const folder = storeFolder(onlyLocation(flags));
  const identities = await storeIdentities(folder);
  if (identities.length === 0) {
    throw new BtstoreError("usage", `Cannot verify "${folder}": it holds no partitions; name the right one with --db_path, --wallet.name and --wallet.hotkey, or make some with "btstore alloc"`);
  }
  const outcomes: Outcome[] = [];
  for (const identity of identities) outcomes.push(await checkStore(run, identity, identities.length > 1));
  report(run, folder, outcomes);
});

/** Checks all partitions of one owner; repairs and refills them if told. */
async function checkStore(run: Run<"verify">, identity: StoreIdentity, isShared: boolean): Promise<Outcome> {
  const { flags } = run;
  const options = { ...onlyLocation(flags), ...identity, access: flags.repair ? "own" : "read" } as const;
  const store = await openStore(options);
  try {
    const checked = await scrubAll(run, store);
    // Partitions of another owner in the same folder are its own store's to judge.
    const problems = store.problems().filter(({ error }) => !(isShared && error.code === "usage"));
    if (flags.repair) return { checked: await refill(run, checked), problems };
    return { checked: checked.some(({ result }) => result.damageCount > 0) ? await withoutChanged(run, options, checked) : checked, problems };
  } finally {
    await store.close();
  }
}

async function scrubAll({ flags, signal, log, screen }: Run<"verify">, store: Store): Promise<Checked[]> {
  const partitions = store.partitions();
  const progress = openProgress(screen, flags.json ? "none" : "auto");
  const bars = partitions.map((partition) => progress.bar(`${partition.validator.slice(0, 8)}…`, partition.sealedBytes()));
  const pool = flags.repair ? new SealPool({ workers: planSealing(REPAIR_UNITS, flags.workers).workers }) : null;
  try {
    const checked: Checked[] = [];
    for (const [i, partition] of partitions.entries()) {
      const sealedBytes = partition.sealedBytes();
      const result = await scrubPartition(partition, {
        signal,
        onProgress: ({ doneBytes }) => bars[i]!.set(doneBytes),
        onDamage: (damage) => void (flags.json || log.warn(`Damaged: ${describeDamage(damage)}`, { validator: partition.validator, isRepaired: damage.isRepaired })),
        ...(pool ? { repair: pool } : {}),
      });
      bars[i]!.finish();
      checked.push({ partition, sizeBytes: partition.geometry.byteLength, sealedBytes, result });
    }
    return checked;
  } finally {
    progress.close();
    await pool?.close();
  }
}

/** Seals again what a repair had to withdraw, and counts it as repaired. */
async function refill({ flags, signal, log, screen }: Run<"verify">, checked: readonly Checked[]): Promise<Checked[]> {
  const short = checked.filter(({ partition, sealedBytes }) => partition.sealedBytes() < sealedBytes).map(({ partition }) => partition);
  if (short.length === 0) return [...checked];
  const progress = openProgress(screen, flags.json ? "none" : "auto");
  const bars = new Map(short.map((partition) => [partition.validator, progress.bar(`${partition.validator.slice(0, 8)}… again`, partition.geometry.byteLength, partition.sealedBytes())]));
  try {
    await sealPartitions(short, {
      workersWanted: flags.workers, log, signal,
      onProgress: (all) => all.partitions.forEach(({ validator, doneBytes }) => bars.get(validator)?.set(doneBytes)),
    });
  } finally {
    progress.close();
  }
  return checked.map((one) => {
    if (!short.includes(one.partition)) return one;
    const isWithdrawn = ({ kind, isRepaired }: Damage) => kind === "roots" && !isRepaired;
    const damages = one.result.damages.map((damage) => (isWithdrawn(damage) ? { ...damage, isRepaired: true } : damage));
    return { ...one, result: { ...one.result, damages, repairedCount: one.result.repairedCount + one.result.damages.filter(isWithdrawn).length } };
  });
}

/** Beside a running miner, drops what is no damage but a resize or restart that came meanwhile. */
async function withoutChanged({ log }: Run<"verify">, options: Parameters<typeof openStore>[0], checked: readonly Checked[]): Promise<Checked[]> {
  const fresh = await openStore(options);
  try {
    return checked.map((one) => {
      const now = fresh.partition(one.partition.validator);
      const isStill = (damage: Damage) => now?.geometry.chunkCount === one.partition.geometry.chunkCount && (damage.kind === "unit" || now.isSealed(damage.sectorIndex));
      const damages = one.result.damages.filter(isStill);
      if (damages.length === one.result.damages.length) return one;
      log.info("The miner changed what was being checked; check again later", { validator: one.partition.validator });
      return { ...one, result: { ...one.result, damages, damageCount: damages.length } };
    });
  } finally {
    await fresh.close();
  }
}

/** Prints the facts. Throws BtstoreError "corrupt" if anything is damaged and not repaired. */
function report({ flags }: Run<"verify">, folder: string, outcomes: readonly Outcome[]): void {
  const checked = outcomes.flatMap((outcome) => outcome.checked);
  const problems = outcomes.flatMap((outcome) => outcome.problems);
  const sum = (pick: (result: ScrubResult) => number) => checked.reduce((total, { result }) => total + pick(result), 0);
  const [damageCount, repairedCount, checkedBytes] = [sum((result) => result.damageCount), sum((result) => result.repairedCount), sum((result) => result.checkedBytes)];
  if (flags.json) {
    printJson({
      folder, checkedBytes, damageCount, repairedCount,
      partitions: checked.map(({ partition, sizeBytes, sealedBytes, result }) => ({
        validator: partition.validator, path: partition.dataPath, sizeBytes, sealedBytes, ...result, damages: result.damages.map((damage) => ({ ...damage, place: describeDamage(damage) })),
      })),
      problems: problems.map(({ validator, error }) => ({ validator, code: error.code, reason: error.message })),
    });
  } else {
    const rows = checked.map(({ partition, sizeBytes, sealedBytes, result }) => [partition.validator, formatSize(sizeBytes), formatSize(sealedBytes), String(result.damageCount), String(result.repairedCount)]);
    const right = { align: "right" } as const;
    print(table([{ heading: "VALIDATOR" }, { heading: "SIZE", ...right }, { heading: "SEALED", ...right }, { heading: "DAMAGED", ...right }, { heading: "REPAIRED", ...right }], rows));
    for (const { partition, result } of checked) listDamages(partition, result);
    for (const { validator, error } of problems) print(`${validator}: ${error.message}`);
    if (damageCount === 0 && problems.length === 0) print(`\nAll ${formatSize(checkedBytes)} that are sealed match their hashes`);
  }
  const openCount = damageCount - repairedCount;
  if (openCount + problems.length === 0) return;
  const parts = [
    ...(openCount > 0 ? [`${openCount} damaged place${openCount === 1 ? "" : "s"}`] : []),
    ...(problems.length > 0 ? [`${problems.length} partition${problems.length === 1 ? "" : "s"} that cannot be opened`] : []),
  ];
  const remedy = openCount === 0 ? "see above for what helps" : flags.repair ? 'what repair cannot mend, "btstore alloc --restart" makes anew' : 'run "btstore verify --repair"';
  throw new BtstoreError("corrupt", `The partitions at "${folder}" are damaged: ${parts.join(" and ")}; ${remedy}`);
}

function listDamages({ validator }: Partition, { damages, damageCount }: ScrubResult): void {
  for (const damage of damages.slice(0, LISTED_MAX)) print(`${validator}: ${describeDamage(damage)}: ${damage.isRepaired ? "repaired" : "damaged"}`);
  if (damageCount > LISTED_MAX) print(`${validator}: and ${damageCount - LISTED_MAX} more`);
}
