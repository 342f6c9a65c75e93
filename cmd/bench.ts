/** `btstore bench`: what this machine can do as a miner. Needs no wallet and no chain. */
import { AUDIT_DEADLINE_MS, BtstoreError, formatDuration, formatSize } from "../lib/core/mod.ts";
import { cpuLevel, type DiskMeasure, type Latency, type MachineMeaning, machineMeaning, measureDisk, measureUnit, type UnitTime } from "../lib/miner/mod.ts";
import { command, type Run } from "./command.ts";
import { print, printJson } from "./output.ts";
import { expandHome } from "./paths.ts";
import { openProgress } from "./progress.ts";

export const bench = command("bench", async (run: Run<"bench">) => {
  const { flags, signal, log } = run;
  const [dbPath, ...others] = flags.db_path;
  if (dbPath === undefined || others.length > 0) throw new BtstoreError("usage", `Cannot measure ${flags.db_path.length} folders at once: give one --db_path; run the command again for the next disk`);
  if (!flags.json) log.info("Measuring a unit, then the fill, then the disk");
  const unit = await measureUnit(signal);
  const disk = await measureDiskWithBar(run, expandHome(dbPath));
  const meaning = machineMeaning(unit, disk);
  if (flags.json) return printJson({ cpuLevel: cpuLevel(), ...unit, dbPath: expandHome(dbPath), ...disk, ...meaning });
  print(figures(unit, disk, meaning, flags.workers));
  print(`\n${inWords(unit, disk, meaning)}`);
});

async function measureDiskWithBar({ flags, signal, log, screen }: Run<"bench">, dbPath: string): Promise<DiskMeasure> {
  const progress = openProgress(screen, flags.json ? "none" : "auto");
  let bar: ReturnType<typeof progress.bar> | undefined;
  try {
    return await measureDisk({
      dbPath, workersWanted: flags.workers, sizeBytes: flags.size, log, signal,
      onProgress: ({ doneBytes, totalBytes }) => (bar ??= progress.bar("filling", totalBytes)).set(doneBytes),
    });
  } finally {
    progress.close();
  }
}

const CAPS: Readonly<Record<DiskMeasure["fill"]["cappedBy"], string>> = {
  nothing: "", cores: ": capped by the cores there are", memory: ": capped by the memory that is free", work: ": there is no work for more",
};

function figures({ unitMs, cores }: UnitTime, disk: DiskMeasure, meaning: MachineMeaning, workersAllowed: number): string {
  const { fill } = disk;
  return [
    `Machine     ${cores} core${cores === 1 ? "" : "s"}, ${cpuLevel()}`,
    `Unit        ${unitMs.toFixed(0)} ms of one core for 32 MiB in 64 passes`,
    `Fill        ${formatSize(fill.bytesPerSecond)}/s: ${formatSize(fill.bytes)} sealed and synced in ${fill.seconds.toFixed(1)} s by ${fill.workers} of ${workersAllowed} workers${CAPS[fill.cappedBy]}`,
    `Regenerate  ${formatDuration(meaning.regenerationMs)} for one audit: 16 hops × 128 units, on all cores`,
    `Read        ${latency(disk.coldReads)} from the disk; ${latency(disk.warmReads)} from memory`,
    `Audit       ${latency(disk.coldAudits)} from the disk; ${latency(disk.warmAudits)} from memory`,
  ].join("\n");
}

/** Half of them, 99 of 100, and the slowest. */
function latency({ p50Ms, p99Ms, maxMs }: Latency): string {
  return `${milliseconds(p50Ms)} / ${milliseconds(p99Ms)} / ${milliseconds(maxMs)} ms (p50 / p99 / max)`;
}

function milliseconds(ms: number): string {
  return ms < 10 ? ms.toFixed(2) : ms.toFixed(0);
}

/** What it all means, for somebody who wonders whether to mine with this machine. */
function inWords({ unitMs, cores }: UnitTime, { fill, coldAudits, isInMemory }: DiskMeasure, meaning: MachineMeaning): string {
  const { tibPerDay, hoursPerTerabyte, regenerationMs, auditMarginMs } = meaning;
  const allowed = formatDuration(AUDIT_DEADLINE_MS);
  const lines = [
    `As a miner, this machine fills ${tibPerDay.toFixed(2)} TiB a day: 1 TB takes ${formatDuration(hoursPerTerabyte * 3_600_000)}.`,
    auditMarginMs > 0
      ? `It answers in time: the slowest of ${coldAudits.count} answers took ${milliseconds(coldAudits.maxMs)} ms of the ${allowed} allowed, which leaves ${milliseconds(auditMarginMs)} ms; the line's round trip comes on top.`
      : `It does not answer in time: the slowest of ${coldAudits.count} answers took ${milliseconds(coldAudits.maxMs)} ms, allowed is ${allowed}. This disk is too slow, or too busy, to mine with.`,
    regenerationMs > AUDIT_DEADLINE_MS
      ? `It cannot cheat: making up what an audit of many sectors asks for takes its ${cores} core${cores === 1 ? "" : "s"} ${Math.round(regenerationMs / AUDIT_DEADLINE_MS)} times as long as allowed (${milliseconds(unitMs)} ms a unit).`
      : `It could make up answers within the time allowed (${formatDuration(regenerationMs)}), at the price of all ${cores} cores for every audit.`,
  ];
  if (isInMemory) lines.push("The folder is in memory: no disk was measured. Give a folder on the disk with --db_path.");
  else lines.push(`Reads went over ${formatSize(fill.bytes)}: on a spinning disk that is full, seeks take longer.`);
  return lines.join("\n");
}
