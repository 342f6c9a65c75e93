/**
 * What this machine can do as a miner, measured when asked and never assumed: how long a unit takes, how fast partitions
 * fill, how fast the disk gives stripes back, how long an audit's answer takes.
 *
 * Fill, reads and answers go the miner's own ways (store, seal pool, audit), on a partition that nobody wants and that is
 * removed at the end, however it ends.
 */
import { mkdir, rm, rmdir, statfs } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { AUDIT_DEADLINE_MS, BtstoreError, CHUNK_BYTES, DIGEST_BYTES, HOPS_PER_AUDIT, type Log, PIECES_PER_STRIPE, SEAL_PROFILE, type Ss58, describeError, formatSize } from "../core/mod.ts";
import { answerHops } from "../audit/mod.ts";
import { SealPool, cpuLevel, dropFileCache, pieceTree, saltedTree } from "../native/mod.ts";
import { unitSpec } from "../space/mod.ts";
import { type FillPlan, type FillProgress, type Partition, type Store, lockFolder, openStore } from "../store/mod.ts";
import { planSealing, sealPartitions } from "./sealing.ts";

/** Units computed for one figure; the fastest counts, since nothing but disturbance makes one slower. */
const UNIT_RUNS = 3;

/** Keys of filler that nobody stores: //Alice and //Bob of every development chain. */
const BENCH_OWNER = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY" as Ss58;
const BENCH_VALIDATOR = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty" as Ss58;

/** Folder under `--db_path` for the measurement; what a killed one left there is removed by the next. */
const BENCH_FOLDER = ".btstore-bench";

/** Units sealed per worker unless told otherwise: about seven seconds. */
const UNITS_PER_WORKER = 16;

/** Stripes read, and audits answered, for one distribution. */
const READS = 256;
const AUDITS = 32;

/** `f_type` of tmpfs and ramfs, whose files never leave memory. */
const MEMORY_DISKS = new Set([0x01021994, 0x858458f6]);

const HASHES = { saltedTree, pieceTree };

/** What regenerating filler costs here. */
export type UnitTime = {
  /** Milliseconds of one core for one full unit, nothing else running. */
  readonly unitMs: number;
  /** Cores this process may use. */
  readonly cores: number;
};

/** A distribution of durations in milliseconds. */
export type Latency = { readonly count: number; readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };

/** What was measured in a folder. */
export type DiskMeasure = {
  readonly fill: FillPlan & { readonly unitCount: number; readonly bytes: number; readonly seconds: number; readonly bytesPerSecond: number };
  /** Random stripes after the file's pages were dropped, and again from memory. */
  readonly coldReads: Latency;
  readonly warmReads: Latency;
  /** Whole hop answers: 16 stripes, each read after the one before is hashed. */
  readonly coldAudits: Latency;
  readonly warmAudits: Latency;
  /** Whether the folder is in memory, so that nothing was read from a disk. */
  readonly isInMemory: boolean;
};

export type DiskMeasureOptions = {
  /** Folder on the disk to be measured; made if missing, and then removed again. */
  readonly dbPath: string;
  readonly workersWanted: number;
  /** Bytes to seal; whole units, at least one. About seven seconds of work if null. */
  readonly sizeBytes: number | null;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: FillProgress) => void;
};

/** What the figures mean for a miner. */
export type MachineMeaning = {
  readonly tibPerDay: number;
  /** For 10^12 bytes. */
  readonly hoursPerTerabyte: number;
  /** What a cheat on this machine needs that stored nothing, for one audit: 16 × 128 units, over all cores, hop after hop. */
  readonly regenerationMs: number;
  /** Of the fixed part of the deadline, what the slowest cold answer left; below 0 if it was late. */
  readonly auditMarginMs: number;
};

/** The CPU level that units are computed at. */
export { cpuLevel };

/**
 * Measures the bare time of one full unit on one worker. Takes about two seconds.
 *
 * @throws {BtstoreError} `cancelled`, `memory`.
 */
export async function measureUnit(signal?: AbortSignal): Promise<UnitTime> {
  const pool = new SealPool({ workers: 1 });
  const options = signal ? { signal } : {};
  const seed = BENCH_OWNER + BENCH_VALIDATOR;
  try {
    // The thread starts and loads the library before the clock does.
    await pool.unitPieces({ ...unitSpec(seed, 0, 0, 1), passes: 1 }, [], options);
    let unitMs = Number.POSITIVE_INFINITY;
    for (let run = 0; run < UNIT_RUNS; run++) {
      const spec = unitSpec(seed, 0, run, SEAL_PROFILE.chunksPerUnit);
      const startedMs = performance.now();
      await pool.unitPieces(spec, [], options);
      unitMs = Math.min(unitMs, performance.now() - startedMs);
    }
    return { unitMs, cores: availableParallelism() };
  } finally {
    await pool.close();
  }
}

/**
 * Seals a partition in a temporary folder, then reads and audits it.
 *
 * @throws {BtstoreError} `disk_full` if the partition does not fit; `locked` if another measurement runs in the folder; `disk`, `memory`,
 *   `cancelled`. Nothing of it stays.
 */
export async function measureDisk(options: DiskMeasureOptions): Promise<DiskMeasure> {
  const { dbPath, workersWanted, sizeBytes } = options;
  const unitBytes = SEAL_PROFILE.chunksPerUnit * CHUNK_BYTES;
  const workers = planSealing(Number.MAX_SAFE_INTEGER, workersWanted).workers;
  const unitCount = sizeBytes === null ? workers * UNITS_PER_WORKER : Math.max(1, Math.floor(sizeBytes / unitBytes));
  return withBenchFolder(dbPath, async (folder) => {
    const isInMemory = MEMORY_DISKS.has((await statfs(folder)).type);
    const store = await openStore({ dbPath: folder, walletName: "bench", hotkeyName: "bench", self: BENCH_OWNER, netuid: 0, genesisHash: new Uint8Array(DIGEST_BYTES) });
    try {
      const { freeBytes } = await store.space();
      if (freeBytes < unitCount * unitBytes) {
        throw new BtstoreError("disk_full", `Cannot measure the fill: it takes ${formatSize(unitCount * unitBytes)} at "${dbPath}", ${formatSize(freeBytes)} are free; lower --size or --workers`);
      }
      const fill = await measureFill(store, unitCount, options);
      const partition = store.partition(BENCH_VALIDATOR)!;
      const reads = await measureReads(partition, options.signal);
      const audits = await measureAudits(partition, options.signal);
      return { fill, coldReads: reads.cold, warmReads: reads.warm, coldAudits: audits.cold, warmAudits: audits.warm, isInMemory };
    } finally {
      await store.close();
    }
  });
}

/** Says what the figures mean. Pure. */
export function machineMeaning({ unitMs, cores }: UnitTime, { fill, coldAudits }: DiskMeasure): MachineMeaning {
  return {
    tibPerDay: (fill.bytesPerSecond * 86_400) / 2 ** 40,
    hoursPerTerabyte: 1e12 / fill.bytesPerSecond / 3600,
    // Each hop is known only when the one before is answered; its 128 pieces belong to 128 units, shared out among the cores.
    regenerationMs: HOPS_PER_AUDIT * Math.ceil(PIECES_PER_STRIPE / cores) * unitMs,
    auditMarginMs: AUDIT_DEADLINE_MS - coldAudits.maxMs,
  };
}

async function measureFill(store: Store, unitCount: number, { workersWanted, log, signal, onProgress }: DiskMeasureOptions): Promise<DiskMeasure["fill"]> {
  await store.applyPlan([{ validator: BENCH_VALIDATOR, chunkCount: unitCount * SEAL_PROFILE.chunksPerUnit }]);
  const plan = planSealing(unitCount, workersWanted);
  const startedMs = performance.now();
  await sealPartitions(store.partitions(), { workersWanted, plan, log, signal, ...(onProgress ? { onProgress } : {}) });
  const seconds = (performance.now() - startedMs) / 1000;
  const bytes = unitCount * SEAL_PROFILE.chunksPerUnit * CHUNK_BYTES;
  return { ...plan, unitCount, bytes, seconds, bytesPerSecond: bytes / seconds };
}

async function measureReads(partition: Partition, signal: AbortSignal): Promise<{ cold: Latency; warm: Latency }> {
  const { stripeCount } = partition.geometry;
  const stripes = shuffled(stripeCount).slice(0, READS);
  const read = (stripe: number) => timed(() => partition.readStripe(stripe));
  const cold: number[] = [];
  for (const stripe of stripes) {
    signal.throwIfAborted();
    // Each time anew: what the kernel reads ahead may be another stripe of the list.
    dropFileCache(partition.dataPath);
    cold.push(await read(stripe));
  }
  const warm: number[] = [];
  for (const stripe of stripes) {
    signal.throwIfAborted();
    await partition.readStripe(stripe);
    warm.push(await read(stripe));
  }
  return { cold: latencyOf(cold), warm: latencyOf(warm) };
}

async function measureAudits(partition: Partition, signal: AbortSignal): Promise<{ cold: Latency; warm: Latency }> {
  const digest = crypto.getRandomValues(new Uint8Array(DIGEST_BYTES));
  const cold: number[] = [];
  const warm: number[] = [];
  for (let audit = 0; audit < AUDITS; audit++) {
    signal.throwIfAborted();
    const request = { nonce: crypto.getRandomValues(new Uint8Array(DIGEST_BYTES)), digest };
    dropFileCache(partition.dataPath);
    cold.push(await timed(() => answerHops(partition, HASHES, request)));
    warm.push(await timed(() => answerHops(partition, HASHES, request)));
  }
  return { cold: latencyOf(cold), warm: latencyOf(warm) };
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await act();
  return performance.now() - startedMs;
}

function latencyOf(durations: readonly number[]): Latency {
  const sorted = [...durations].sort((left, right) => left - right);
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
  return { count: sorted.length, p50Ms: rank(0.5), p99Ms: rank(0.99), maxMs: sorted.at(-1)! };
}

/** 0 to count − 1 in random order. */
function shuffled(count: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Runs with a folder of its own under `dbPath`; removes it, and every folder above that had to be made. */
async function withBenchFolder<Result>(dbPath: string, body: (folder: string) => Promise<Result>): Promise<Result> {
  const outer = join(dbPath, BENCH_FOLDER);
  let made: string | undefined;
  try {
    made = await mkdir(outer, { recursive: true });
  } catch (error) {
    throw new BtstoreError("disk", `Cannot measure at "${dbPath}": ${describeError(error)}; choose another folder with --db_path`, { cause: error });
  }
  const lock = await lockFolder(outer, "bench");
  const inner = join(outer, "store");
  try {
    await rm(inner, { recursive: true, force: true });
    await mkdir(inner);
    return await body(inner);
  } finally {
    await rm(inner, { recursive: true, force: true });
    await lock.release();
    await rm(outer, { recursive: true, force: true });
    for (let folder = dbPath; made !== undefined && folder.startsWith(made); folder = dirname(folder)) await rmdir(folder).catch(() => {});
  }
}
