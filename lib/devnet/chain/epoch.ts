/**
 * One epoch of Yuma consensus over one subnet: who may validate, what everyone agrees on, who earns what. Pure.
 *
 * The rule is the real pallet's (`epoch/run_epoch.rs`): weights are clipped, column by column, at the value that a stake
 * majority κ supports, so a minority cannot lift a neuron above what the others give it. Fractions are doubles here where
 * the pallet uses I32F32; results agree to within one part in 65,535.
 */

/** Share of a bond that an epoch renews: 1 − BondsMovingAverage (900,000 of a million). */
const BOND_RENEWAL = 0.1;

/** What the epoch reads; lists are by uid. */
export type EpochInput = {
  /** S of each neuron, rao. */
  stake: readonly bigint[];
  /** Least S that gives a permit, rao. */
  stakeThreshold: bigint;
  maxValidators: number;
  /** The subnet owner's uid keeps its permit whatever its stake; null if it has no uid. */
  ownerUid: number | null;
  /** Permits so far: weights of neurons without one do not count in this epoch. */
  permits: readonly boolean[];
  /** Whether weights were set within the activity cutoff. */
  isActive: readonly boolean[];
  lastUpdate: readonly bigint[];
  registeredAt: readonly bigint[];
  /** Sparse rows: uid and weight, 0 to 65,535. */
  weights: readonly (readonly (readonly [uid: number, weight: number])[])[];
  bonds: readonly (readonly (readonly [uid: number, bond: number])[])[];
  /** κ as a fraction of 65,535. */
  kappa: number;
};

/** What the epoch gives; fractions from 0 to 1, by uid. */
export type EpochResult = {
  permits: boolean[];
  consensus: number[];
  validatorTrust: number[];
  incentive: number[];
  dividends: number[];
  /** By validator, then by neuron. */
  bonds: number[][];
};

/** Runs one epoch. */
export function runEpoch(input: EpochInput): EpochResult {
  const count = input.stake.length;
  const permits = permitsByStake(input);
  const eligible = input.stake.map((rao, uid) => (input.isActive[uid] && permits[uid] ? Number(rao) : 0));
  const stake = normalized(eligible);
  const weights = input.weights.map((row, from) => normalized(effectiveRow(input, row, from, count)));
  const consensus = Array.from({ length: count }, (_, to) => weightedMedian(stake, weights.map((row) => row[to]!), input.kappa));
  const clipped = weights.map((row) => row.map((weight, to) => Math.min(weight, consensus[to]!)));
  const rank = columnSums(clipped, stake);
  const incentive = normalized(rank);

  const fresh = columnsNormalized(clipped.map((row, from) => row.map((weight) => weight * stake[from]!)));
  const old = columnsNormalized(input.bonds.map((row, from) => dense(permits[from] ? row : [], count)));
  const bonds = columnsNormalized(fresh.map((row, from) => row.map((bond, to) => BOND_RENEWAL * bond + (1 - BOND_RENEWAL) * old[from]![to]!)));
  const dividends = normalized(bonds.map((row) => row.reduce((sum, bond, to) => sum + bond * incentive[to]!, 0)));
  return { permits, consensus, validatorTrust: clipped.map((row) => total(row)), incentive, dividends, bonds };
}

/** The neurons with the most stake, at or over the threshold, ties to the lower uid; and the owner. */
export function permitsByStake({ stake, stakeThreshold, maxValidators, ownerUid }: Pick<EpochInput, "stake" | "stakeThreshold" | "maxValidators" | "ownerUid">): boolean[] {
  const ranked = stake
    .map((rao, uid) => ({ rao, uid }))
    .filter(({ rao }) => rao > 0n && rao >= stakeThreshold)
    .sort((a, b) => (a.rao > b.rao ? -1 : a.rao < b.rao ? 1 : a.uid - b.uid));
  const chosen = new Set(ranked.slice(0, maxValidators).map(({ uid }) => uid));
  return stake.map((_, uid) => chosen.has(uid) || uid === ownerUid);
}

/** A validator's weights as they count: with its permit, not on itself unless it is the owner, not on who came after. */
function effectiveRow(input: EpochInput, row: EpochInput["weights"][number], from: number, count: number): number[] {
  if (!input.permits[from]) return new Array<number>(count).fill(0);
  const counted = row.filter(([to]) => (to !== from || to === input.ownerUid) && input.lastUpdate[from]! > input.registeredAt[to]!);
  return dense(counted, count);
}

/**
 * The largest score that stake beyond 1 − κ still stands behind: stake below it is at most 1 − κ, stake up to it more.
 *
 * @param stake Fractions that sum to 1, or all 0 (then the median is 0).
 * @param scores One per neuron.
 * @param kappa The majority asked for, as a fraction of 65,535.
 */
export function weightedMedian(stake: readonly number[], scores: readonly number[], kappa: number): number {
  const minority = 1 - kappa / 65_535;
  const order = stake.map((share, uid) => ({ share, score: scores[uid]! })).filter(({ share }) => share > 0).sort((a, b) => a.score - b.score);
  let below = 0;
  for (const { share, score } of order) {
    below += share;
    if (below > minority) return score;
  }
  return order.at(-1)?.score ?? 0;
}

function dense(row: readonly (readonly [number, number])[], count: number): number[] {
  const values = new Array<number>(count).fill(0);
  for (const [uid, value] of row) if (uid < count) values[uid] = value;
  return values;
}

const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

function normalized(values: readonly number[]): number[] {
  const sum = total(values);
  return values.map((value) => (sum > 0 ? value / sum : 0));
}

function columnSums(rows: readonly (readonly number[])[], factors: readonly number[]): number[] {
  return rows.map((_, to) => rows.reduce((sum, row, from) => sum + row[to]! * factors[from]!, 0));
}

function columnsNormalized(rows: number[][]): number[][] {
  const sums = columnSums(rows, rows.map(() => 1));
  return rows.map((row) => row.map((value, to) => (sums[to]! > 0 ? value / sums[to]! : 0)));
}
