import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CHUNK_BYTES, RAO_PER_TAO, SEAL_PROFILE, type Ss58 } from "../../lib/core/mod.ts";
import { wholeChunks } from "../../lib/space/mod.ts";
import { adviseSectors, allocationBudget, planAllocation, type Allotment, type Share } from "../../lib/store/mod.ts";
import { address } from "./fixture.ts";

const GIB = 2 ** 30;

function shares(...tao: (bigint | number)[]): Share[] {
  return tao.map((stake, i) => ({ hotkey: address(`V${i}x`), stake: BigInt(stake) * RAO_PER_TAO }));
}

function chunks(plan: readonly Allotment[]): number[] {
  return plan.map(({ chunkCount }) => chunkCount);
}

const sum = (plan: readonly Allotment[]) => plan.reduce((total, { chunkCount }) => total + chunkCount * CHUNK_BYTES, 0);

const anyShares = fc
  .array(fc.bigInt({ min: 0n, max: 21_000_000n * RAO_PER_TAO }), { minLength: 1, maxLength: 64 })
  .map((stakes) => stakes.map((stake, i): Share => ({ hotkey: address(`V${i}x`), stake })));
const anyBudget = fc.integer({ min: 0, max: 2 ** 48 });

describe("allocationBudget()", () => {
  test("is the threshold's share of what is free and what is ours, capped", () => {
    expect(allocationBudget({ freeBytes: 3 * GIB, takenBytes: GIB }, 0.5)).toBe(2 * GIB);
    expect(allocationBudget({ freeBytes: 3 * GIB, takenBytes: GIB }, 1, 123)).toBe(123);
    // Even at 1 the volume keeps room for the hashes files and 64 MiB.
    expect(allocationBudget({ freeBytes: 3 * GIB, takenBytes: GIB }, 1)).toBe(4 * GIB - GIB / 1024 - 64 * 2 ** 20);
    expect(allocationBudget({ freeBytes: 1000, takenBytes: 0 }, 1)).toBe(0);
    for (const threshold of [0, -1, 1.01, Number.NaN]) expect(() => allocationBudget({ freeBytes: 1, takenBytes: 1 }, threshold)).toThrow(RangeError);
  });
});

describe("planAllocation()", () => {
  test("divides by (S + 1) / Σ(S + 1) with S in TAO", () => {
    expect(chunks(planAllocation({ budgetBytes: 640 * CHUNK_BYTES, shares: shares(0, 1, 7, 8) }))).toEqual([32, 64, 256, 288]);
    // One rao short of the step loses the last unit: the arithmetic is exact.
    const [low] = planAllocation({ budgetBytes: 64 * CHUNK_BYTES - 1, shares: shares(5, 5) });
    expect(low!.chunkCount).toBe(31);
  });

  test("gives none to a share under one chunk, and whole units above 32 chunks", () => {
    expect(chunks(planAllocation({ budgetBytes: CHUNK_BYTES - 1, shares: shares(1) }))).toEqual([0]);
    expect(chunks(planAllocation({ budgetBytes: CHUNK_BYTES, shares: shares(1) }))).toEqual([1]);
    expect(chunks(planAllocation({ budgetBytes: 31 * CHUNK_BYTES, shares: shares(1) }))).toEqual([31]);
    expect(chunks(planAllocation({ budgetBytes: 63 * CHUNK_BYTES, shares: shares(1) }))).toEqual([32]);
    expect(planAllocation({ budgetBytes: GIB, shares: [] })).toEqual([]);
  });

  test("refuses a hotkey twice and a negative stake", () => {
    const [one] = shares(1);
    expect(() => planAllocation({ budgetBytes: 1, shares: [one!, one!] })).toThrow(RangeError);
    expect(() => planAllocation({ budgetBytes: 1, shares: [{ ...one!, stake: -1n }] })).toThrow(RangeError);
  });

  test("never exceeds the budget, follows stake within a unit, and gives more stake no less", () => {
    fc.assert(
      fc.property(anyShares, anyBudget, (all, budgetBytes) => {
        const plan = planAllocation({ budgetBytes, shares: all });
        expect(sum(plan)).toBeLessThanOrEqual(budgetBytes);
        const total = all.reduce((stake, share) => stake + share.stake + RAO_PER_TAO, 0n);
        all.forEach((share, i) => {
          const exact = (Number(budgetBytes) * Number(share.stake + RAO_PER_TAO)) / Number(total) / CHUNK_BYTES;
          expect(plan[i]!.chunkCount).toBeLessThanOrEqual(exact * (1 + 1e-9) + 1e-9);
          expect(plan[i]!.chunkCount).toBeGreaterThan(exact * (1 - 1e-9) - SEAL_PROFILE.chunksPerUnit);
          all.forEach((other, j) => {
            if (share.stake >= other.stake) expect(plan[i]!.chunkCount).toBeGreaterThanOrEqual(plan[j]!.chunkCount);
          });
        });
      }),
      { numRuns: 100 },
    );
  });

  test("keeps the budget and whole counts whatever there is already", () => {
    const anyCurrent = fc.array(fc.integer({ min: 0, max: 2 ** 20 }), { maxLength: 64 });
    fc.assert(
      fc.property(anyShares, anyBudget, anyCurrent, (all, budgetBytes, counts) => {
        const current = new Map<Ss58, number>(counts.map((count, i) => [address(`V${i}x`), wholeChunks(count)]));
        const plan = planAllocation({ budgetBytes, shares: all, current });
        expect(sum(plan)).toBeLessThanOrEqual(budgetBytes);
        for (const { chunkCount } of plan) expect(wholeChunks(chunkCount)).toBe(chunkCount);
      }),
    );
  });

  test("leaves a partition alone under 5 % of difference, and not at 5 %", () => {
    const all = shares(1);
    const current = new Map([[all[0]!.hotkey, 3200]]);
    const at = (units: number) => chunks(planAllocation({ budgetBytes: units * 32 * CHUNK_BYTES, shares: all, current }))[0]! / 32;
    expect([104, 105, 106].map(at)).toEqual([100, 105, 106]);
    const [validator] = all.map(({ hotkey }) => hotkey);
    // Below, staying would exceed the budget unless another share leaves room.
    const two = shares(1, 1);
    const roomy = planAllocation({ budgetBytes: 192 * 32 * CHUNK_BYTES, shares: two, current: new Map([[validator!, 3200], [two[1]!.hotkey, 92 * 32]]) });
    expect(chunks(roomy)).toEqual([3200, 92 * 32]);
    const tight = planAllocation({ budgetBytes: 192 * 32 * CHUNK_BYTES, shares: two, current: new Map([[validator!, 3200], [two[1]!.hotkey, 93 * 32]]) });
    expect(chunks(tight)).toEqual([96 * 32, 93 * 32]);
    expect(chunks(planAllocation({ budgetBytes: 0, shares: all, current }))).toEqual([0]);
  });
});

describe("adviseSectors()", () => {
  test("names the threshold that gives the smallest share one sector, and planAllocation() agrees", () => {
    const anyTao = fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(anyTao, fc.integer({ min: GIB, max: 2 ** 50 }), (tao, freeBytes) => {
        const all = shares(...tao);
        const space = { freeBytes, takenBytes: 0 };
        const advice = adviseSectors(planAllocation({ budgetBytes: GIB, shares: all }), all, space)!;
        expect(advice.belowCount).toBe(tao.length);
        const exactly = chunks(planAllocation({ budgetBytes: advice.budgetBytes, shares: all }));
        expect(Math.min(...exactly)).toBe(4096);
        expect(Math.min(...chunks(planAllocation({ budgetBytes: advice.budgetBytes - 1, shares: all })))).toBeLessThan(4096);
        // Within a per mille of the whole volume the spare bytes count.
        if (advice.threshold > 0.9) return;
        const planned = chunks(planAllocation({ budgetBytes: allocationBudget(space, advice.threshold), shares: all }));
        expect(Math.min(...planned)).toBeGreaterThanOrEqual(4096);
      }),
    );
  });

  test("is silent where every partition has a full sector, or there is none", () => {
    const all = shares(1, 1);
    expect(adviseSectors(planAllocation({ budgetBytes: 8 * GIB, shares: all }), all, { freeBytes: 8 * GIB, takenBytes: 0 })).toBeNull();
    expect(adviseSectors([], [], { freeBytes: 1, takenBytes: 0 })).toBeNull();
  });
});
