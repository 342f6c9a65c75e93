/**
 * From stake to partitions (DESIGN section 3, "Allocation rule"). Pure: the disk's figures and the metagraph's stakes come
 * in, chunk counts go out.
 *
 * The share of validator i is (Sᵢ + 1) / Σ(S + 1) with S in TAO, as in the prototype, whose `metagraph.S` are TAO as
 * floats. Here S stays in rao and the one TAO is added in rao, so that shares are exact and their sum cannot exceed the budget.
 */
import { CHUNK_BYTES, DECLARATION_ROOTS_MAX, RAO_PER_TAO, SEAL_PROFILE, type SealProfile, type Ss58 } from "../core/mod.ts";
import { wholeChunks } from "../space/mod.ts";

/** A hotkey that may audit us, and its stake S in rao. */
export type Share = { readonly hotkey: Ss58; readonly stake: bigint };

/** What one validator gets; 0 chunks is none. */
export type Allotment = {
  readonly validator: Ss58;
  readonly chunkCount: number;
};

/** What the volume offers us. */
export type Space = {
  /** Free bytes on the volume. */
  readonly freeBytes: number;
  /** Bytes on disk that our partitions already take. */
  readonly takenBytes: number;
};

/**
 * Bytes of a volume that are never filled: with the last byte gone, SQLite can no longer open what would have to be
 * opened to make the partitions smaller, or to answer audits.
 */
export const SPARE_BYTES = 64 * 2 ** 20;

/** Hashes files take one byte in about 7,000 of data; one in this many is left to them. */
const METADATA_SHARE = 4096;

/** A partition whose new size differs by less than one in this many stays as it is: 5 %. */
const HYSTERESIS = 20;

/**
 * Bytes all our partitions may take together: the threshold's share, short of what the volume needs to stay usable.
 *
 * @param threshold Share of the space available to us, over 0 to 1.
 * @param sizeMax An absolute cap in bytes beside it.
 * @throws {RangeError} If the threshold is out of range.
 */
export function allocationBudget(space: Space, threshold: number, sizeMax = Number.MAX_SAFE_INTEGER): number {
  if (!(threshold > 0 && threshold <= 1)) throw new RangeError(`threshold: expected over 0 to 1, got ${threshold}`);
  const bytes = space.freeBytes + space.takenBytes;
  const fillable = Math.max(0, Math.floor(bytes - bytes / METADATA_SHARE) - SPARE_BYTES);
  return Math.min(Math.floor(bytes * threshold), fillable, sizeMax);
}

/**
 * Divides a budget among validators by stake.
 *
 * @param budgetBytes From `allocationBudget`.
 * @param shares Each hotkey once, stake 0 or more.
 * @param current Chunk counts of the partitions there are; those that would change by under 5 % keep theirs.
 * @returns One allotment per share, in their order; their sum is at most the budget.
 * @throws {RangeError} If a hotkey comes twice or a stake is negative.
 */
export function planAllocation({ budgetBytes, shares, profile = SEAL_PROFILE, current = new Map() }: {
  budgetBytes: number;
  shares: readonly Share[];
  profile?: SealProfile;
  current?: ReadonlyMap<Ss58, number>;
}): Allotment[] {
  const weights = weightsOf(shares);
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  const sectorChunks = profile.chunksPerUnit * profile.unitsPerSector;
  const plan = shares.map(({ hotkey }, index) => {
    const chunks = Number((BigInt(budgetBytes) * weights[index]!) / total / BigInt(CHUNK_BYTES));
    const targetChunks = wholeChunks(Math.min(chunks, DECLARATION_ROOTS_MAX * sectorChunks), profile);
    const currentChunks = current.get(hotkey) ?? 0;
    const stays = targetChunks > 0 && Math.abs(targetChunks - currentChunks) * HYSTERESIS < currentChunks;
    return { validator: hotkey, targetChunks, chunkCount: stays ? currentChunks : targetChunks };
  });
  fitBudget(plan, Math.floor(budgetBytes / CHUNK_BYTES));
  return plan.map(({ validator, chunkCount }) => ({ validator, chunkCount }));
}

/** What a plan with partitions below one full sector needs to be told. */
export type SectorAdvice = {
  /** Partitions below one full sector, those that get none included. */
  readonly belowCount: number;
  /** Bytes of one full sector. */
  readonly sectorBytes: number;
  /** The least budget that gives every validator a full sector. */
  readonly budgetBytes: number;
  /** The threshold that yields it, rounded up to three digits; over 1 if this volume cannot. */
  readonly threshold: number;
};

/**
 * Advice for a plan with partitions below one full sector: they cost a cheat little to regenerate, and earn by their few bytes.
 *
 * @returns null if every partition has a full sector, or there are no shares.
 */
export function adviseSectors(plan: readonly Allotment[], shares: readonly Share[], space: Space, profile: SealProfile = SEAL_PROFILE): SectorAdvice | null {
  const sectorChunks = profile.chunksPerUnit * profile.unitsPerSector;
  const belowCount = plan.filter(({ chunkCount }) => chunkCount < sectorChunks).length;
  if (belowCount === 0) return null;
  const weights = weightsOf(shares);
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  const least = weights.reduce((low, weight) => (weight < low ? weight : low), weights[0]!);
  const sectorBytes = sectorChunks * CHUNK_BYTES;
  const budgetBytes = Number((BigInt(sectorBytes) * total + least - 1n) / least);
  return { belowCount, sectorBytes, budgetBytes, threshold: roundUp(budgetBytes / (space.freeBytes + space.takenBytes), 3) };
}

function weightsOf(shares: readonly Share[]): bigint[] {
  const seen = new Set<Ss58>();
  return shares.map(({ hotkey, stake }) => {
    if (seen.has(hotkey)) throw new RangeError(`shares: expected each hotkey once, got "${hotkey}" twice`);
    if (stake < 0n) throw new RangeError(`stake: expected 0 or more rao, got ${stake}`);
    seen.add(hotkey);
    return stake + RAO_PER_TAO;
  });
}

/** Where staying would break the budget, the partitions that would keep the most too much give it up first. */
function fitBudget(plan: { targetChunks: number; chunkCount: number }[], chunksMax: number): void {
  let sum = plan.reduce((chunks, { chunkCount }) => chunks + chunkCount, 0);
  const excess = (entry: { targetChunks: number; chunkCount: number }) => entry.chunkCount - entry.targetChunks;
  for (const entry of [...plan].sort((left, right) => excess(right) - excess(left))) {
    if (sum <= chunksMax) return;
    sum -= excess(entry);
    entry.chunkCount = entry.targetChunks;
  }
}

/** Rounds up to some significant digits. */
function roundUp(value: number, digits: number): number {
  const step = 10 ** (Math.floor(Math.log10(value)) + 1 - digits);
  return Number((Math.ceil(value / step) * step).toPrecision(digits));
}
