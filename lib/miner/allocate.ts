/**
 * What this miner's disk is to hold, by the chain's stakes (DESIGN section 3): the plan that `alloc` shows and `mine` follows.
 */
import { BtstoreError, CHUNK_BYTES, type Ss58, formatSize } from "../core/mod.ts";
import type { Metagraph } from "../chain/mod.ts";
import { type Allotment, type SectorAdvice, type Share, type Space, type Store, adviseSectors, allocationBudget, planAllocation } from "../store/mod.ts";

/** What the operator allows. */
export type AllocationLimits = {
  /** Share of the space available to us, above 0 to 1; null leaves `sizeBytes` alone to decide. */
  readonly threshold: number | null;
  /** Absolute cap in bytes; null for none. */
  readonly sizeBytes: number | null;
  /** Partitions for every hotkey, not only for those that may audit. */
  readonly isForAll: boolean;
};

/** Which partitions stay as they are though their validator has no share now; none if missing. */
export type Retains = (validator: Ss58) => boolean;

/** A plan and all that explains it. */
export type AllocationPlan = {
  readonly allotments: readonly Allotment[];
  readonly shares: readonly Share[];
  readonly budgetBytes: number;
  readonly space: Space;
  /** Chunks of the partitions there are now. */
  readonly current: ReadonlyMap<Ss58, number>;
  readonly advice: SectorAdvice | null;
};

/** Hotkeys that get a share: those with a validator permit (or all), never ourselves. */
export function sharesOf(metagraph: Metagraph, self: Ss58, isForAll: boolean): Share[] {
  return metagraph.neurons
    .filter(({ hotkey, hasValidatorPermit }) => hotkey !== self && (isForAll || hasValidatorPermit))
    .map(({ hotkey, stake }) => ({ hotkey, stake }));
}

/**
 * Plans the partitions; changes nothing.
 *
 * @throws {BtstoreError} `usage` if the budget, or every share of it, is below one chunk; `chain_refused` if nobody may audit.
 */
export async function planStore(store: Store, metagraph: Metagraph, self: Ss58, limits: AllocationLimits, retains: Retains = () => false): Promise<AllocationPlan> {
  const shares = sharesOf(metagraph, self, limits.isForAll);
  if (shares.length === 0) {
    throw new BtstoreError("chain_refused", `Cannot allocate: nobody on subnet ${metagraph.netuid} has a validator permit yet; wait for the next epoch, or use --allocate.all`);
  }
  const space = await store.space();
  const budgetBytes = allocationBudget(space, limits.threshold ?? 1, limits.sizeBytes ?? undefined);
  if (budgetBytes < CHUNK_BYTES) {
    const remedy = limits.sizeBytes !== null && limits.sizeBytes < CHUNK_BYTES ? "raise --size" : "raise --threshold or free some space";
    throw new BtstoreError("usage", `Cannot allocate: the budget is ${formatSize(budgetBytes)} of ${formatSize(space.freeBytes + space.takenBytes)} available, at least ${formatSize(CHUNK_BYTES)} is needed; ${remedy}`);
  }
  const current = store.current();
  const retained = [...current].filter(([validator]) => !shares.some(({ hotkey }) => hotkey === validator) && retains(validator));
  const retainedBytes = retained.reduce((sum, [, chunkCount]) => sum + chunkCount * CHUNK_BYTES, 0);
  const divided = planAllocation({ budgetBytes: Math.max(0, budgetBytes - retainedBytes), shares, current });
  const allotments = [...divided, ...retained.map(([validator, chunkCount]) => ({ validator, chunkCount }))];
  if (allotments.every(({ chunkCount }) => chunkCount === 0)) {
    throw new BtstoreError("usage", `Cannot allocate: the budget of ${formatSize(budgetBytes)} leaves each of ${shares.length} validators less than ${formatSize(CHUNK_BYTES)}; raise --threshold or --size`);
  }
  return { allotments, shares, budgetBytes, space, current, advice: adviseSectors(divided, shares, space) };
}
