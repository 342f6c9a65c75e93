import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type EpochInput, permitsByStake, runEpoch, weightedMedian } from "../../lib/devnet/chain/epoch.ts";

const TAO = 1_000_000_000n;
const KAPPA = 32_767;

/** An epoch over neurons all registered at block 1 that set weights at block 10, validators first. */
function epochOf(stake: readonly bigint[], weights: EpochInput["weights"], changes: Partial<EpochInput> = {}): EpochInput {
  const each = <T>(value: T) => stake.map(() => value);
  return {
    stake, weights, stakeThreshold: 1n, maxValidators: 64, ownerUid: null, kappa: KAPPA, bonds: each([]), isActive: each(true),
    permits: stake.map((rao) => rao > 0n), lastUpdate: each(10n), registeredAt: each(1n), ...changes,
  };
}

/*
 * Three validators (uids 0, 1, 2) with 500, 300 and 200 TAO, four miners (uids 3 to 6). Validator 2 lies: all to miner 6.
 *
 *              share   m3    m4    m5    m6
 *   v0          0.5    0.4   0.3   0.2   0.1
 *   v1          0.3    0.4   0.3   0.1   0.2
 *   v2          0.2    0     0     0     1
 *
 * Consensus: the least weight that stake of more than 1 − κ = 1 − 32767/65535 = 0.5000076 does not exceed.
 *   m3: 0 (0.2), then 0.4 (1.0)                   → 0.4
 *   m4: 0 (0.2), then 0.3 (1.0)                   → 0.3
 *   m5: 0 (0.2), 0.1 (0.5, not more), 0.2 (1.0)   → 0.2
 *   m6: 0.1 (0.5, not more), 0.2 (0.8)            → 0.2
 * Clipped, only v2's 1 on m6 changes, to 0.2; so trust is 1, 1, 0.2.
 *   rank m3 = 0.5·0.4 + 0.3·0.4           = 0.32
 *   rank m4 = 0.5·0.3 + 0.3·0.3           = 0.24
 *   rank m5 = 0.5·0.2 + 0.3·0.1           = 0.13
 *   rank m6 = 0.5·0.1 + 0.3·0.2 + 0.2·0.2 = 0.15      in all 0.84
 * Incentive = rank / 0.84 = 32/84, 24/84, 13/84, 15/84.
 * Bonds, none before, so the columns of share × clipped weight, each made to sum to 1:
 *   m3: 20/32, 12/32, 0    m4: 15/24, 9/24, 0    m5: 10/13, 3/13, 0    m6: 5/15, 6/15, 4/15
 * Dividends = Σ bond × incentive: v0 (20 + 15 + 10 + 5)/84, v1 (12 + 9 + 3 + 6)/84, v2 4/84.
 */
const STAKE = [500n, 300n, 200n, 0n, 0n, 0n, 0n].map((tao) => tao * TAO);
const WEIGHTS: EpochInput["weights"] = [[[3, 4], [4, 3], [5, 2], [6, 1]], [[3, 4], [4, 3], [5, 1], [6, 2]], [[6, 65_535]], [], [], [], []];

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(actual[i]!, `index ${i}`).toBeCloseTo(value, 9);
}

describe("runEpoch()", () => {
  test("gives what was worked out by hand for three validators, one of them lying, and four miners", () => {
    const result = runEpoch(epochOf(STAKE, WEIGHTS));
    expectClose(result.consensus, [0, 0, 0, 0.4, 0.3, 0.2, 0.2]);
    expectClose(result.validatorTrust, [1, 1, 0.2, 0, 0, 0, 0]);
    expectClose(result.incentive, [0, 0, 0, 32 / 84, 24 / 84, 13 / 84, 15 / 84]);
    expectClose(result.dividends, [50 / 84, 30 / 84, 4 / 84, 0, 0, 0, 0]);
    expect(result.permits).toEqual([true, true, true, false, false, false, false]);
  });

  test("renews a tenth of the bonds in an epoch", () => {
    // All of m3's bonds belonged to v1; its fresh ones are 20/32 and 12/32.
    const bonds: EpochInput["bonds"] = [[], [[3, 65_535]], [], [], [], [], []];
    const result = runEpoch(epochOf(STAKE, WEIGHTS, { bonds }));
    expect(result.bonds[0]![3]!).toBeCloseTo(0.1 * (20 / 32), 9);
    expect(result.bonds[1]![3]!).toBeCloseTo(0.9 + 0.1 * (12 / 32), 9);
  });

  test("counts no weight from who has no permit, is inactive, weighs itself, or spoke before the other came", () => {
    const stake = [500n * TAO, 400n * TAO, 0n];
    const weights: EpochInput["weights"] = [[[2, 1]], [[0, 1]], []];
    const base = epochOf(stake, weights);
    expectClose(runEpoch(base).incentive, [0, 0, 1]);
    expectClose(runEpoch({ ...base, permits: [false, true, false] }).validatorTrust, [0, 0, 0]);
    expectClose(runEpoch({ ...base, isActive: [false, true, true] }).incentive, [1, 0, 0]);
    expectClose(runEpoch({ ...base, weights: [[[0, 1], [2, 1]], [], []] }).consensus, [0, 0, 1]);
    expectClose(runEpoch({ ...base, weights: [[[0, 1], [2, 1]], [], []], ownerUid: 0 }).consensus, [0.5, 0, 0.5]);
    expectClose(runEpoch({ ...base, registeredAt: [1n, 1n, 10n] }).incentive, [0, 0, 0]);
  });

  test("lets no minority lift its friend above what the most generous honest validator gives it", () => {
    const share = fc.integer({ min: 1, max: 1000 });
    const row = fc.array(fc.integer({ min: 0, max: 65_535 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(fc.record({ share, row }), { minLength: 2, maxLength: 6 }), fc.array(share, { minLength: 1, maxLength: 3 }), (honest, liars) => {
        const honestStake = honest.reduce((sum, { share: one }) => sum + one, 0);
        const liarStake = liars.reduce((sum, one) => sum + one, 0);
        fc.pre(liarStake < honestStake * 0.99 && honest.every(({ row: weights }) => weights.some((weight) => weight > 0)));
        const validators = honest.length + liars.length;
        const friend = validators + 2;
        const stake = [...honest.map(({ share: one }) => one), ...liars, 0, 0, 0].map((tao) => BigInt(tao) * TAO);
        const weights: EpochInput["weights"] = [
          ...honest.map(({ row: values }) => values.map((weight, i): [number, number] => [validators + i, weight])),
          ...liars.map((): [number, number][] => [[friend, 65_535]]),
          [], [], [],
        ];
        const clip = Math.max(...honest.map(({ row: values }) => values[2]! / values.reduce((sum, weight) => sum + weight, 0)));
        const result = runEpoch(epochOf(stake, weights));
        expect(result.consensus[friend]!).toBeLessThanOrEqual(clip + 1e-12);
        for (let liar = honest.length; liar < validators; liar++) expect(result.validatorTrust[liar]!).toBeLessThanOrEqual(clip + 1e-12);
      }),
    );
  });

  test("lets a majority do so, or the property above would hold of anything", () => {
    const result = runEpoch(epochOf([400n * TAO, 600n * TAO, 0n, 0n], [[[2, 1]], [[3, 1]], [], []]));
    expectClose(result.incentive, [0, 0, 0, 1]);
  });

  test("gives nothing where nobody has set weights", () => {
    const result = runEpoch(epochOf(STAKE, STAKE.map(() => [])));
    expectClose(result.incentive, STAKE.map(() => 0));
    expectClose(result.dividends, STAKE.map(() => 0));
  });
});

describe("weightedMedian()", () => {
  test("asks for more stake than 1 − κ: exactly half on each side is enough for the higher", () => {
    expect(weightedMedian([0.5, 0.5], [0, 1], KAPPA)).toBe(1);
    expect(weightedMedian([0.51, 0.49], [0, 1], KAPPA)).toBe(0);
  });

  test("is 0 without stake", () => {
    expect(weightedMedian([0, 0], [1, 1], KAPPA)).toBe(0);
  });
});

describe("permitsByStake()", () => {
  const rule = (stake: bigint[], maxValidators: number, stakeThreshold = 1n, ownerUid: number | null = null) => permitsByStake({ stake, stakeThreshold, maxValidators, ownerUid });

  test("takes the most staked, ties to the lower uid", () => {
    expect(rule([5n, 9n, 5n, 7n], 3)).toEqual([true, true, false, true]);
  });

  test("refuses under the threshold and without stake, but never the owner", () => {
    expect(rule([999n, 1000n, 0n], 64, 1000n)).toEqual([false, true, false]);
    expect(rule([0n, 0n], 64, 0n)).toEqual([false, false]);
    expect(rule([0n, 1000n], 0, 1000n, 0)).toEqual([true, false]);
  });
});
