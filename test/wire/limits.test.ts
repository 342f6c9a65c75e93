import { describe, expect, test } from "bun:test";
import { LEGACY_NAMES } from "../../lib/wire/legacy.ts";
import { HOP_ANSWER_BYTES, OPENING_ANSWER_BYTES_MAX, SIGNED_DECLARATION_BYTES_MAX } from "../../lib/audit/mod.ts";
import { OpenCounts, TokenBuckets, WIRE_LIMITS } from "../../lib/wire/limits.ts";
import { SYNAPSE_NAMES } from "../../lib/wire/synapse.ts";

describe("WIRE_LIMITS", () => {
  test("has a row with positive numbers for every message", () => {
    expect(Object.keys(WIRE_LIMITS.synapses)).toEqual([...SYNAPSE_NAMES, ...LEGACY_NAMES]);
    for (const row of Object.values(WIRE_LIMITS.synapses)) {
      expect(Math.min(row.requestBytesMax, row.responseBytesMax, row.rate.perSecond, row.rate.burst)).toBeGreaterThan(0);
    }
  });

  test("takes the longest openings there are, and not a byte more", () => {
    const { Hops, Openings, Declaration } = WIRE_LIMITS.synapses;
    expect(Openings.responseBytesMax).toBe(OPENING_ANSWER_BYTES_MAX);
    expect(Hops.responseBytesMax).toBeGreaterThanOrEqual(HOP_ANSWER_BYTES);
    expect(Declaration.responseBytesMax).toBeGreaterThanOrEqual(SIGNED_DECLARATION_BYTES_MAX);
  });

  test("lets the dendrite drop an idle connection before the axon does", () => {
    expect(WIRE_LIMITS.dendriteIdleSeconds).toBeLessThan(WIRE_LIMITS.axonIdleSeconds);
  });
});

describe("TokenBuckets", () => {
  const rate = { perSecond: 2, burst: 3 };

  test("lets a burst through, then the rate", () => {
    const buckets = new TokenBuckets(10);
    const taken = (nowMs: number) => buckets.take("a", rate, nowMs);
    expect([taken(0), taken(0), taken(0), taken(0)]).toEqual([true, true, true, false]);
    expect([taken(499), taken(500), taken(500)]).toEqual([false, true, false]);
    expect([taken(60_000), taken(60_000), taken(60_000), taken(60_000)]).toEqual([true, true, true, false]);
    expect(buckets.take("b", rate, 0)).toBe(true);
  });

  test("says how long to wait", () => {
    const buckets = new TokenBuckets(10);
    for (let i = 0; i < 3; i++) buckets.take("a", { perSecond: 0.1, burst: 3 }, 0);
    expect(buckets.retryAfterSeconds("a", { perSecond: 0.1, burst: 3 }, 0)).toBe(10);
    expect(buckets.retryAfterSeconds("a", { perSecond: 0.1, burst: 3 }, 4_000)).toBe(6);
    expect(buckets.retryAfterSeconds("a", { perSecond: 0, burst: 0 }, 4_000)).toBe(3600);
  });

  test("charges below zero, but no more than a burst", () => {
    const buckets = new TokenBuckets(10);
    buckets.charge("a", rate, 0, 100);
    expect(buckets.hasToken("a", rate, 1_999)).toBe(false);
    expect(buckets.hasToken("a", rate, 2_000)).toBe(true);
  });

  test("forgets the key that was used longest ago when there are too many", () => {
    const buckets = new TokenBuckets(2);
    const once = { perSecond: 0.001, burst: 1 };
    for (const key of ["a", "b", "a", "c"]) buckets.take(key, once, 0);
    expect([buckets.hasToken("a", once, 0), buckets.hasToken("b", once, 0), buckets.hasToken("c", once, 0)]).toEqual([false, true, false]);
  });
});

describe("OpenCounts", () => {
  test("counts by key up to the maximum", () => {
    const counts = new OpenCounts();
    expect([counts.enter("a", 2), counts.enter("a", 2), counts.enter("a", 2), counts.enter("b", 2)]).toEqual([true, true, false, true]);
    counts.leave("a");
    expect([counts.enter("a", 2), counts.enter("a", 2)]).toEqual([true, false]);
  });
});
