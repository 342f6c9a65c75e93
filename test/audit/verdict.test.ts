import { describe, expect, test } from "bun:test";
import { deadline, outcomeOf, timeVerdict } from "../../lib/audit/mod.ts";

describe("deadline()", () => {
  test("adds the smallest of the recent round trips to a second, at most 400 ms of it", () => {
    expect(deadline([90, 40, 3000])).toBe(1040);
    expect(deadline([900, 4000])).toBe(1400);
    expect(deadline([])).toBe(1000);
  });
});

describe("timeVerdict()", () => {
  test("is late past the deadline, in time at it, and unknown whenever our worker lagged over 50 ms", () => {
    expect(timeVerdict(1000, 0, 1000)).toBeNull();
    expect(timeVerdict(1000.1, 50, 1000)).toEqual({ kind: "late", elapsedMs: 1000.1, deadlineMs: 1000 });
    expect(timeVerdict(10, 51, 1000)).toEqual({ kind: "unknown" });
    expect(timeVerdict(5000, 51, 1000)).toEqual({ kind: "unknown" });
  });
});

describe("outcomeOf()", () => {
  test("counts fail, late and offline as misses, unknown as nothing", () => {
    expect((["pass", "late", "fail", "offline", "unknown"] as const).map(outcomeOf)).toEqual(["pass", "miss", "miss", "miss", "unknown"]);
  });
});
