/**
 * Sealing whatever a folder's partitions miss, with as many workers as the machine can feed.
 */
import { availableParallelism, freemem } from "node:os";
import { type Log, formatSize } from "../core/mod.ts";
import { SealPool } from "../native/mod.ts";
import { type Geometry, geometryOf } from "../space/mod.ts";
import { type Allotment, type FillPlan, type FillProgress, type Partition, type Store, fillPartitions, planFill } from "../store/mod.ts";

/** Of the memory that is free, what sealing may take. */
const MEMORY_SHARE = 0.8;

export type SealingOptions = {
  readonly workersWanted: number;
  /** From `planSealing`, where it was told to somebody before; made now if missing. */
  readonly plan?: FillPlan;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: FillProgress) => void;
  /** Is given the workers while they run, so that they can be paused. */
  readonly onPool?: (pool: SealPool | null) => void;
};

/** Whether a partition has the shape it is to have, and all of it may be declared. */
export function isWhole(partition: Partition): boolean {
  return partition.geometry.chunkCount === partition.wantedGeometry.chunkCount && partition.declared().chunkCount === partition.geometry.chunkCount;
}

/** Units that are not sealed yet, over all partitions. */
function missingUnits(partitions: readonly Partition[]): number {
  let units = 0;
  for (const partition of partitions) {
    const { unitCount, byteLength } = partition.wantedGeometry;
    if (unitCount > 0) units += Math.ceil(((byteLength - Math.min(byteLength, partition.sealedBytes())) / byteLength) * unitCount);
  }
  return units;
}

/**
 * Units that will have to be sealed once a plan is carried out, over all partitions.
 *
 * @param isRestart Whether what is sealed now is thrown away.
 */
export function unitsToSeal(store: Store, allotments: readonly Allotment[], isRestart: boolean): number {
  const unusable = new Set(isRestart ? [] : store.problems().map(({ validator }) => validator));
  let units = 0;
  for (const { validator, chunkCount } of allotments) {
    if (unusable.has(validator)) continue;
    const then = geometryOf(chunkCount);
    const partition = isRestart ? undefined : store.partition(validator);
    if (partition && partition.geometry.chunkCount === chunkCount) units += missingUnits([partition]);
    else units += then.unitCount - (partition ? keptUnits(partition, then) : 0);
  }
  return units;
}

/** Sealed units that a resize leaves as they are: those of whole sectors that both shapes have. */
function keptUnits(partition: Partition, then: Geometry): number {
  const { unitsPerSector } = then.profile;
  const shared = Math.min(Math.floor(partition.geometry.unitCount / unitsPerSector), Math.floor(then.unitCount / unitsPerSector));
  let sectors = 0;
  for (let index = 0; index < shared; index++) if (partition.isSealed(index)) sectors++;
  return sectors * unitsPerSector;
}

/**
 * Plans how sealing would run now.
 *
 * @param unitCount Units to be sealed.
 * @throws {BtstoreError} `memory` if not even one worker fits.
 */
export function planSealing(unitCount: number, workersWanted: number): FillPlan {
  return planFill({ workersWanted, cores: availableParallelism(), memoryBytes: Math.floor(freemem() * MEMORY_SHARE), unitCount: Math.max(1, unitCount) });
}

/**
 * Seals everything that is missing.
 *
 * @throws {BtstoreError} `cancelled`, `disk_full`, `disk`, `corrupt` or `memory`; what was sealed stays, the same call goes on from there.
 */
export async function sealPartitions(partitions: readonly Partition[], options: SealingOptions): Promise<void> {
  const { workersWanted, log, signal, onProgress, onPool } = options;
  if (partitions.every(isWhole)) return;
  const plan = options.plan ?? planSealing(missingUnits(partitions), workersWanted);
  if (!options.plan && plan.cappedBy !== "nothing") log.info(`Sealing with fewer workers than wanted: capped by ${plan.cappedBy}`, { workers: plan.workers, wanted: workersWanted });
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
