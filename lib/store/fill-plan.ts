/**
 * How a fill is cut into batches: pure arithmetic from workers, memory and what is missing.
 *
 * A worker computes its batch of neighbouring units at once and holds them in memory; the larger the batch, the longer the
 * runs it writes (batch × 2 KiB), the smaller, the less a kill loses. A batch never crosses a sector.
 */
import { BtstoreError, DIGEST_BYTES, PIECES_PER_CHUNK, SEAL_PROFILE, assertInteger, formatSize, type SealProfile } from "../core/mod.ts";
import { sealMemoryBytes } from "../native/mod.ts";

/** Most units of one batch: 2 GiB, runs of 128 KiB, half a minute of one core lost by a kill. */
const BATCH_UNITS_MAX = 64;

/** A fill is cut into this many rounds if that leaves batches of at least so many units: one unit of each batch is computed twice. */
const ROUNDS_WANTED = 8;
const BATCH_UNITS_FINE = 16;

/** Beside its units, what one worker takes: the thread's own interpreter. */
const WORKER_BYTES = 16 * 2 ** 20;

/** What a fill is going to do, and take. */
export type FillPlan = {
  readonly workers: number;
  readonly batchUnits: number;
  /** Bytes it will hold beside the process itself. */
  readonly memoryBytes: number;
  /** What made the workers fewer than wanted. */
  readonly cappedBy: "nothing" | "cores" | "memory" | "work";
};

/**
 * Memory a fill takes beside the process itself, in bytes: units, one more per worker for the check, and leaf hashes.
 *
 * @param workers At least 1.
 * @param batchUnits Units per batch, at least 1.
 */
export function fillMemory(workers: number, batchUnits: number, profile: SealProfile = SEAL_PROFILE): number {
  const leafBytes = profile.unitsPerSector * profile.chunksPerUnit * PIECES_PER_CHUNK * DIGEST_BYTES;
  // Each worker has a batch in hand and one being recorded; together they reach over this many sectors.
  const openSectors = 1 + Math.ceil((2 * workers * batchUnits) / profile.unitsPerSector);
  return workers * (sealMemoryBytes(batchUnits, profile.chunksPerUnit) + WORKER_BYTES) + openSectors * leafBytes;
}

/**
 * Plans a fill so that every worker has work to the end and the memory suffices.
 *
 * @param workersWanted From the operator, at least 1.
 * @param cores Cores there are, at least 1.
 * @param memoryBytes Memory the fill may take.
 * @param unitCount Units to be sealed.
 * @throws {BtstoreError} `memory` if not even one worker with one unit fits.
 */
export function planFill({ workersWanted, cores, memoryBytes, unitCount, profile = SEAL_PROFILE }: {
  workersWanted: number;
  cores: number;
  memoryBytes: number;
  unitCount: number;
  profile?: SealProfile;
}): FillPlan {
  assertInteger(workersWanted, 1, 4096, "workersWanted");
  assertInteger(cores, 1, 4096, "cores");
  if (memoryBytes < fillMemory(1, 1, profile)) {
    throw new BtstoreError("memory", `Cannot seal: ${formatSize(memoryBytes)} of memory are free, at least ${formatSize(fillMemory(1, 1, profile))} are needed; end other programs and run the command again`);
  }
  const wanted = Math.max(1, Math.min(workersWanted, cores, unitCount));
  let workers = wanted;
  while (fillMemory(workers, 1, profile) > memoryBytes) workers--;
  const cappedBy = workers < wanted ? "memory" : wanted === workersWanted ? "nothing" : wanted === cores ? "cores" : "work";
  let batchMax = Math.min(BATCH_UNITS_MAX, profile.unitsPerSector);
  while (fillMemory(workers, batchMax, profile) > memoryBytes) batchMax--;
  // As many full rounds of all workers as needed, each batch of the last round as large as those before; more of them where
  // the whole fill is short, so that a stop loses a part of it and not all.
  const finer = Math.min(ROUNDS_WANTED, Math.floor(unitCount / (workers * BATCH_UNITS_FINE)));
  const rounds = Math.max(1, finer, Math.ceil(unitCount / (workers * batchMax)));
  const batchUnits = Math.max(1, Math.ceil(unitCount / (workers * rounds)));
  return { workers, batchUnits, memoryBytes: fillMemory(workers, batchUnits, profile), cappedBy };
}

/** Neighbouring units of one sector, counted within it. */
export type UnitRun = { readonly firstUnit: number; readonly unitCount: number };

/**
 * Cuts a sector's missing units into batches of nearly equal size.
 *
 * @param missing Units within the sector, ascending.
 * @param batchUnits The most of one batch.
 */
export function cutBatches(missing: readonly number[], batchUnits: number): UnitRun[] {
  const batches: UnitRun[] = [];
  for (let start = 0; start < missing.length; ) {
    let end = start + 1;
    while (end < missing.length && missing[end] === missing[end - 1]! + 1) end++;
    const parts = Math.ceil((end - start) / batchUnits);
    for (let part = 0; part < parts; part++) {
      const from = start + Math.floor(((end - start) * part) / parts);
      const to = start + Math.floor(((end - start) * (part + 1)) / parts);
      batches.push({ firstUnit: missing[from]!, unitCount: to - from });
    }
    start = end;
  }
  return batches;
}
