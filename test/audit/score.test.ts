import { describe, expect, test } from "bun:test";
import { windowsFor } from "../../lib/core/mod.ts";
import { auditFactorOf, countedBytesOf, judgeMismatches, score, scoreNetwork, unknownShare, weights, wilsonLower, type History, type HourTally } from "../../lib/audit/mod.ts";

const windows = windowsFor(12_000);
const { hourMs, dayMs } = windows;
const TIB = 2 ** 40;
const root = (n: number) => new Uint8Array(32).fill(n);
const hex = (n: number) => n.toString(16).padStart(2, "0").repeat(32);

/** A miner of one TiB in 256 sectors, honest for `days` before `now`. */
function honest(days: number, now: number, changes: Partial<History> = {}): History {
  const hours = Array.from({ length: days * 24 }, (_, hoursAgo) => ({ hoursAgo, passes: 12, misses: 0, unknowns: 0 }));
  const sectors = new Map(Array.from({ length: 256 }, (_, i) => [hex(i), TIB / 256]));
  return { hours, declared: [{ at: now - days * dayMs, bytes: TIB }], sectors, userBytes: 0, unitChecks: { matches: 24 * days, mismatches: 0 }, mismatches: [], ...changes };
}

describe("wilsonLower()", () => {
  test("is 0 without a sample, n / (n + z²) when all pass, and Wilson's formula between", () => {
    expect(wilsonLower(0, 0)).toBe(0);
    expect(wilsonLower(0, 50)).toBe(0);
    for (const n of [1, 2, 24, 288, 2016]) expect(wilsonLower(n, n)).toBeCloseTo(n / (n + 1.96 ** 2), 12);
    // Worked by hand: p = 0.5, n = 100: (0.5 + 0.019208 − 1.96 × sqrt(0.0025 + 0.00009604)) / 1.038416.
    expect(wilsonLower(50, 100)).toBeCloseTo(0.403832, 5);
    expect(wilsonLower(81, 263)).toBeCloseTo(0.255, 3);
  });
});

describe("score()", () => {
  test("an honest miner reaches 0.85 of its bytes after one day, 0.95 after three, 0.98 after seven", () => {
    const now = 100 * dayMs;
    for (const [days, share] of [[1, 0.85], [3, 0.95], [7, 0.98]] as const) {
      expect(score(honest(days, now), windows, now, 0).bytes / TIB).toBeCloseTo(share, 2);
    }
  });

  test("reaches the same in the same number of blocks on a faster chain", () => {
    const fast = windowsFor(200);
    const now = 100 * fast.dayMs;
    const history = honest(3, now, { declared: [{ at: now - 3 * fast.dayMs, bytes: TIB }] });
    expect(score(history, fast, now, 0).bytes / TIB).toBeCloseTo(0.95, 2);
  });

  test("is 0 without audits, without unit checks and without a declaration", () => {
    const now = 100 * dayMs;
    expect(score(honest(3, now, { hours: [] }), windows, now, 0).bytes).toBe(0);
    expect(score(honest(3, now, { unitChecks: { matches: 0, mismatches: 0 } }), windows, now, 0).bytes).toBe(0);
    expect(score(honest(3, now, { declared: [], sectors: new Map() }), windows, now, 0).bytes).toBe(0);
  });

  test("user bytes count without unit checks, filler bytes only as far as they hold", () => {
    const now = 100 * dayMs;
    const history = honest(7, now, { userBytes: TIB / 4, unitChecks: { matches: 0, mismatches: 0 } });
    const result = score(history, windows, now, 0);
    expect(result.bytes).toBeCloseTo((result.auditFactor * TIB) / 4, 3);
  });

  test("a bad sector zeroes it for 24 hours, then leaves the sector out until its root changes", () => {
    const at = 100 * dayMs;
    const bad = (now: number) => honest(7, now, { mismatches: [{ at, root: root(3) }] });
    expect(score(bad(at + dayMs - 1), windows, at + dayMs - 1, 0)).toMatchObject({ bytes: 0, penalty: "mismatch" });
    expect(score(bad(at + dayMs), windows, at + dayMs, 0)).toMatchObject({ penalty: "none", countedBytes: (TIB * 255) / 256 });
    const sealedAgain = { ...bad(at + dayMs), sectors: new Map([[hex(0xee), TIB]]) };
    expect(score(sealedAgain, windows, at + dayMs, 0).countedBytes).toBe(TIB);
  });

  test("names fraud while it lasts, and bars for good", () => {
    const at = 100 * dayMs;
    const frauds = (count: number) => Array.from({ length: 3 * count }, (_, i) => ({ at: at + i, root: root(i) }));
    const end = at + 2 + 7 * dayMs;
    expect(score(honest(7, end - 1, { mismatches: frauds(1) }), windows, end - 1, 0)).toMatchObject({ bytes: 0, penalty: "fraud" });
    expect(score(honest(7, end, { mismatches: frauds(1) }), windows, end, 0).penalty).toBe("none");
    expect(score(honest(7, end + 900 * dayMs, { mismatches: frauds(2) }), windows, end + 900 * dayMs, 0)).toMatchObject({ bytes: 0, penalty: "barred" });
  });
});

describe("judgeMismatches()", () => {
  const judge = (...list: [day: number, sector: number][]) => judgeMismatches(list.map(([day, sector]) => ({ at: day * dayMs, root: root(sector) })), windows);

  test("counts a sector once, however often it is found", () => {
    const guilt = judge([100, 1], [101, 1], [102, 1], [103, 1]);
    expect(guilt).toMatchObject({ zeroUntil: 101 * dayMs, fraudUntil: 0, isBarred: false });
    expect([...guilt.badRoots]).toEqual([hex(1)]);
  });

  test("calls the third of 30 days fraud, and restarts the count", () => {
    expect(judge([100, 1], [110, 2])).toMatchObject({ zeroUntil: 111 * dayMs, fraudUntil: 0 });
    expect(judge([100, 1], [110, 2], [129, 3])).toMatchObject({ zeroUntil: 136 * dayMs, fraudUntil: 136 * dayMs });
    expect(judge([100, 1], [110, 2], [130, 3])).toMatchObject({ zeroUntil: 131 * dayMs, fraudUntil: 0 });
    expect(judge([100, 1], [100, 2], [100, 3], [101, 4], [102, 5])).toMatchObject({ fraudUntil: 107 * dayMs, isBarred: false });
  });

  test("bars at a second fraud within 90 days, not after", () => {
    const two = (day: number) => judge([100, 1], [100, 2], [100, 3], [day, 4], [day, 5], [day, 6]);
    expect(two(189).isBarred).toBe(true);
    expect(two(190).isBarred).toBe(false);
  });
});

describe("auditFactorOf()", () => {
  const hour = (hoursAgo: number, passes: number, misses: number, unknowns = 0): HourTally => ({ hoursAgo, passes, misses, unknowns });
  const good = Array.from({ length: 168 }, (_, i) => hour(i, 12, 0));

  test("falls to the share of the last 24 hours as fast as a miner leaves", () => {
    for (const gone of [6, 12, 24]) {
      const hours = good.map((each) => (each.hoursAgo < gone ? hour(each.hoursAgo, 0, 12) : each));
      expect(auditFactorOf({ hours }, 0)).toBeCloseTo(1 - gone / 24, 9);
    }
  });

  test("leaves out hours without audits, but not hours before the last 24", () => {
    expect(auditFactorOf({ hours: good.filter(({ hoursAgo }) => hoursAgo % 2 === 0) }, 0)).toBeCloseTo(1008 / (1008 + 1.96 ** 2), 9);
    expect(auditFactorOf({ hours: good.filter(({ hoursAgo }) => hoursAgo >= 24) }, 0)).toBe(0);
  });

  test("weighs each hour the same, however many audits it had", () => {
    const hours = good.map((each) => (each.hoursAgo === 0 ? hour(0, 0, 1) : each));
    expect(auditFactorOf({ hours }, 0)).toBeCloseTo(23 / 24, 9);
  });

  test("counts unknowns over twice the network's median as misses, and none below", () => {
    const hours = good.map(({ hoursAgo }) => hour(hoursAgo, 10, 0, 2));
    const share = unknownShare({ hours });
    expect(share).toBeCloseTo(1 / 6, 12);
    expect(auditFactorOf({ hours }, share / 2)).toBeCloseTo(1680 / (1680 + 1.96 ** 2), 9);
    // Median 1/24: free are 1/12 of all 2,016 audits, so 168 of the 336 unknowns are misses, one in each hour.
    expect(auditFactorOf({ hours }, 1 / 24)).toBeCloseTo(Math.min(wilsonLower(1680, 1848), 10 / 11), 9);
  });
});

describe("countedBytesOf()", () => {
  const now = 100 * dayMs;

  test("is the mean of 24 hours while a declaration grows, with nothing before the first", () => {
    const counted = (...declared: [hoursAgo: number, bytes: number][]) => countedBytesOf({ declared: declared.map(([h, bytes]) => ({ at: now - h * hourMs, bytes })) }, windows, now);
    expect(counted()).toBe(0);
    expect(counted([6, 24])).toBe(6);
    expect(counted([24, 24])).toBe(24);
    expect(counted([100, 24])).toBe(24);
    expect(counted([30, 12], [12, 24])).toBe(18);
  });

  test("is what is declared now as soon as it shrinks", () => {
    const declared = [{ at: now - 50 * hourMs, bytes: 100 }, { at: now, bytes: 10 }];
    expect(countedBytesOf({ declared }, windows, now)).toBe(10);
  });
});

describe("scoreNetwork() and weights()", () => {
  test("hold unknowns against the network's own median", () => {
    const now = 100 * dayMs;
    const shaky = Array.from({ length: 168 }, (_, hoursAgo) => ({ hoursAgo, passes: 6, misses: 0, unknowns: 6 }));
    const one = scoreNetwork(new Map([["a", honest(7, now)], ["b", honest(7, now)], ["c", honest(7, now, { hours: shaky })]]), windows, now);
    expect(one.get("c")!.auditFactor).toBeCloseTo(0.5, 1);
    const all = scoreNetwork(new Map(["a", "b", "c"].map((key) => [key, honest(7, now, { hours: shaky })])), windows, now);
    expect(all.get("c")!.auditFactor).toBeGreaterThan(0.99);
  });

  test("weights follow scores, sum to 1, and are none when nobody has a score", () => {
    const now = 100 * dayMs;
    const scores = scoreNetwork(new Map([["full", honest(7, now)], ["half", honest(7, now, { declared: [{ at: 0, bytes: TIB / 2 }] })], ["none", honest(7, now, { hours: [] })]]), windows, now);
    const shares = weights(scores);
    expect(shares.get("full")).toBeCloseTo(2 / 3, 9);
    expect(shares.get("half")).toBeCloseTo(1 / 3, 9);
    expect(shares.get("none")).toBe(0);
    expect(weights(new Map([["none", scores.get("none")!]])).size).toBe(0);
  });
});
