/**
 * Sealing whatever a folder's partitions miss, with as many workers as the machine can feed.
 */
import { availableParallelism, freemem } from "node:os";
import { type Log, formatSize } from "../core/mod.ts";
import { SealPool } from "../native/mod.ts";
import { type FillPlan, type FillProgress, type Partition, fillPartitions, planFill } from "../store/mod.ts";

/** Of the memory that is free, what sealing may take. */
const MEMORY_SHARE = 0.8;

export type SealingOptions = {
  readonly workersWanted: number;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: FillProgress) => void;
  /** Is given the workers while they run, so that they can be paused. */
  readonly onPool?: (pool: SealPool | null) => void;
};

/** Units that are not sealed yet, over all partitions. */
export function missingUnits(partitions: readonly Partition[]): number {
  let units = 0;
  for (const partition of partitions) {
    const { unitCount, byteLength } = partition.wantedGeometry;
    if (unitCount > 0) units += Math.ceil(((byteLength - Math.min(byteLength, partition.sealedBytes())) / byteLength) * unitCount);
  }
  return units;
}

/**
 * Plans how sealing would run now, and says it where the machine gives fewer workers than wanted.
 *
 * @throws {BtstoreError} `memory` if not even one worker fits.
 */
export function planSealing(partitions: readonly Partition[], workersWanted: number): FillPlan {
  return planFill({ workersWanted, cores: availableParallelism(), memoryBytes: Math.floor(freemem() * MEMORY_SHARE), unitCount: Math.max(1, missingUnits(partitions)) });
}

/**
 * Seals everything that is missing.
 *
 * @throws {BtstoreError} `cancelled`, `disk_full`, `disk`, `corrupt` or `memory`; what was sealed stays, the same call goes on from there.
 */
export async function sealPartitions(partitions: readonly Partition[], options: SealingOptions): Promise<void> {
  const { workersWanted, log, signal, onProgress, onPool } = options;
  if (missingUnits(partitions) === 0 && partitions.every(({ geometry, wantedGeometry }) => geometry.chunkCount === wantedGeometry.chunkCount)) return;
  const plan = planSealing(partitions, workersWanted);
  if (plan.cappedBy !== "nothing") log.info(`Sealing with fewer workers than wanted: capped by ${plan.cappedBy}`, { workers: plan.workers, wanted: workersWanted });
  log.debug("Sealing begins", { workers: plan.workers, batchUnits: plan.batchUnits, memory: formatSize(plan.memoryBytes) });
  const pool = new SealPool({ workers: plan.workers });
  onPool?.(pool);
  try {
    await fillPartitions(partitions, pool, { workers: plan.workers, batchUnits: plan.batchUnits, signal, ...(onProgress ? { onProgress } : {}) });
  } finally {
    onPool?.(null);
    await pool.close();
  }
}
