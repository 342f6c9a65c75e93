import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BtstoreError } from "../../lib/core/mod.ts";
import { cutBatches } from "../../lib/store/fill-plan.ts";
import { fillMemory, planFill } from "../../lib/store/mod.ts";

const GIB = 2 ** 30;

describe("planFill()", () => {
  test("gives every worker work: 16 units on 2 workers are 2 batches of 8", () => {
    const base = { workersWanted: 2, cores: 2, memoryBytes: 16 * GIB };
    expect(planFill({ ...base, unitCount: 16 })).toMatchObject({ workers: 2, batchUnits: 8, cappedBy: "nothing" });
    expect(planFill({ ...base, unitCount: 12_800 })).toMatchObject({ workers: 2, batchUnits: 64 });
    expect(planFill({ ...base, memoryBytes: 3 * GIB, unitCount: 12_800 })).toMatchObject({ workers: 2, batchUnits: 43 });
    expect(planFill({ ...base, unitCount: 1 })).toMatchObject({ workers: 1, batchUnits: 1, cappedBy: "work" });
    expect(planFill({ ...base, unitCount: 0 })).toMatchObject({ workers: 1, batchUnits: 1 });
  });

  test("cuts a short fill finer, so that a stop loses a part of it", () => {
    const base = { workersWanted: 2, cores: 2, memoryBytes: 16 * GIB };
    expect(planFill({ ...base, unitCount: 31 })).toMatchObject({ batchUnits: 16 });
    expect(planFill({ ...base, unitCount: 128 })).toMatchObject({ batchUnits: 16 });
    expect(planFill({ ...base, unitCount: 512 })).toMatchObject({ batchUnits: 32 });
  });

  test("says what capped the workers", () => {
    const base = { workersWanted: 10, cores: 16, memoryBytes: 64 * GIB, unitCount: 1000 };
    expect(planFill(base)).toMatchObject({ workers: 10, cappedBy: "nothing" });
    expect(planFill({ ...base, cores: 4 })).toMatchObject({ workers: 4, cappedBy: "cores" });
    expect(planFill({ ...base, memoryBytes: GIB / 2 })).toMatchObject({ workers: 4, batchUnits: 1, cappedBy: "memory" });
    expect(planFill({ ...base, unitCount: 3 })).toMatchObject({ workers: 3, cappedBy: "work" });
    expect(() => planFill({ ...base, memoryBytes: GIB / 8 })).toThrow(BtstoreError);
  });

  test("never takes more memory than it is given, and never less of the machine than it can use", () => {
    const any = fc.record({
      workersWanted: fc.integer({ min: 1, max: 64 }),
      cores: fc.integer({ min: 1, max: 64 }),
      memoryBytes: fc.integer({ min: fillMemory(1, 1), max: 256 * GIB }),
      unitCount: fc.integer({ min: 1, max: 100_000 }),
    });
    fc.assert(
      fc.property(any, (wanted) => {
        const plan = planFill(wanted);
        expect(plan.memoryBytes).toBe(fillMemory(plan.workers, plan.batchUnits));
        expect(plan.memoryBytes).toBeLessThanOrEqual(wanted.memoryBytes);
        expect(plan.workers).toBeLessThanOrEqual(Math.min(wanted.workersWanted, wanted.cores, wanted.unitCount));
        if (plan.cappedBy === "memory") expect(fillMemory(plan.workers + 1, 1)).toBeGreaterThan(wanted.memoryBytes);
        else expect(plan.workers).toBe(Math.min(wanted.workersWanted, wanted.cores, wanted.unitCount));
      }),
    );
  });
});

describe("cutBatches()", () => {
  test("covers exactly what is missing, in runs of neighbours of at most the batch", () => {
    const any = fc.tuple(fc.uniqueArray(fc.integer({ min: 0, max: 127 })), fc.integer({ min: 1, max: 64 }));
    fc.assert(
      fc.property(any, ([units, batchUnits]) => {
        const missing = units.sort((left, right) => left - right);
        const batches = cutBatches(missing, batchUnits);
        expect(batches.flatMap(({ firstUnit, unitCount }) => Array.from({ length: unitCount }, (_, i) => firstUnit + i))).toEqual(missing);
        for (const { unitCount } of batches) expect(unitCount >= 1 && unitCount <= batchUnits).toBe(true);
      }),
    );
  });

  test("cuts nearly equal pieces", () => {
    const all = Array.from({ length: 128 }, (_, i) => i);
    expect(cutBatches(all, 50).map(({ unitCount }) => unitCount)).toEqual([42, 43, 43]);
    expect(cutBatches(all, 64).map(({ unitCount }) => unitCount)).toEqual([64, 64]);
  });
});
