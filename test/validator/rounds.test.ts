import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type RoundState, weightsDue } from "../../lib/validator/rounds.ts";

const STATE: RoundState = { block: 1000, nextEpochBlock: 1000, tempoBlocks: 360, lastUpdateBlock: 0, rateLimitBlocks: 100 };

/** A tempo of ten blocks or more, rate limits up to it, and where in it we stand. */
const schedules = fc.record({
  tempoBlocks: fc.integer({ min: 10, max: 720 }), rateShare: fc.double({ min: 0, max: 0.85, noNaN: true }), firstEpoch: fc.integer({ min: 1000, max: 2000 }),
  lost: fc.array(fc.nat(2), { maxLength: 40 }),
});

describe("weightsDue()", () => {
  test("is the last tenth of a tempo, from its first block to its last", () => {
    expect(weightsDue({ ...STATE, block: 963 })).toBe(false);
    expect(weightsDue({ ...STATE, block: 964 })).toBe(true);
    expect(weightsDue({ ...STATE, block: 999 })).toBe(true);
  });

  test("is at least three blocks before the epoch, however short the tempo", () => {
    expect(weightsDue({ ...STATE, tempoBlocks: 10, block: 996 })).toBe(false);
    expect(weightsDue({ ...STATE, tempoBlocks: 10, block: 997 })).toBe(true);
  });

  test("is over once weights were set in this tempo's last tenth, and not by those set before it", () => {
    expect(weightsDue({ ...STATE, block: 990, lastUpdateBlock: 964, rateLimitBlocks: 0 })).toBe(false);
    expect(weightsDue({ ...STATE, block: 990, lastUpdateBlock: 963, rateLimitBlocks: 0 })).toBe(true);
  });

  test("waits for the chain's rate limit, but not when weights were never set", () => {
    expect(weightsDue({ ...STATE, block: 980, lastUpdateBlock: 881 })).toBe(false);
    expect(weightsDue({ ...STATE, block: 981, lastUpdateBlock: 881 })).toBe(true);
    expect(weightsDue({ ...STATE, block: 980, lastUpdateBlock: 0, rateLimitBlocks: 10_000 })).toBe(true);
  });

  test("over many tempos weights are set once in each, within the limit, though transactions get lost", () => {
    fc.assert(
      fc.property(schedules, ({ tempoBlocks, rateShare, firstEpoch, lost }) => {
        const rateLimitBlocks = Math.floor(rateShare * tempoBlocks);
        const losses = [...lost];
        const setAt: number[] = [];
        let lastUpdateBlock = 0;
        for (let epoch = 0; epoch < 12; epoch++) {
          const nextEpochBlock = firstEpoch + epoch * tempoBlocks;
          const tries: number[] = [];
          for (let block = nextEpochBlock - tempoBlocks; block < nextEpochBlock; block++) {
            if (!weightsDue({ block, nextEpochBlock, tempoBlocks, lastUpdateBlock, rateLimitBlocks })) continue;
            tries.push(block);
            // At most two of a tempo's attempts are lost: three blocks are always left.
            if (tries.length <= 2 && losses.pop() === 2) continue;
            expect(lastUpdateBlock === 0 || block - lastUpdateBlock >= rateLimitBlocks).toBe(true);
            lastUpdateBlock = block;
            setAt.push(block);
          }
          expect(setAt.length).toBe(epoch + 1);
          expect(nextEpochBlock - setAt.at(-1)!).toBeLessThanOrEqual(Math.max(3, Math.ceil(tempoBlocks * 0.1)));
        }
      }),
    );
  });

  test("an epoch that is overdue does not stop weights", () => {
    expect(weightsDue({ ...STATE, block: 1005 })).toBe(true);
  });
});
