import { describe, expect, test } from "bun:test";
import { windowsFor } from "../../lib/core/mod.ts";
import { meanAuditDelay, nextAuditDelay } from "../../lib/audit/mod.ts";
import { SeededRandom } from "../reference/random.ts";

const TIB = 2 ** 40;

describe("nextAuditDelay()", () => {
  test("has a mean of five minutes up to one TiB, divided by the TiB beyond, and scales with the chain", () => {
    const windows = windowsFor(12_000);
    expect([0, TIB / 2, TIB, 10 * TIB].map((bytes) => meanAuditDelay(bytes, windows))).toEqual([300_000, 300_000, 300_000, 30_000]);
    expect(meanAuditDelay(TIB, windowsFor(200))).toBe(5_000);
  });

  test("is exponential: mean and deviation agree, and a share of 1/e waits longer than the mean", () => {
    const random = new SeededRandom(1);
    const windows = windowsFor(12_000);
    const draws = Array.from({ length: 20_000 }, () => nextAuditDelay(TIB, windows, (length) => random.bytes(length)) / 300_000);
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
    const deviation = Math.sqrt(draws.reduce((sum, draw) => sum + (draw - mean) ** 2, 0) / draws.length);
    expect(mean).toBeCloseTo(1, 1);
    expect(deviation).toBeCloseTo(1, 1);
    expect(draws.filter((draw) => draw > 1).length / draws.length).toBeCloseTo(1 / Math.E, 1);
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
  });

  test("takes the five minutes for a miner that is not trusted, whatever it declares", () => {
    const windows = windowsFor(12_000);
    const draw = (bytes: number, isTrusted: boolean) => nextAuditDelay(bytes, windows, (length) => new SeededRandom(7).bytes(length), isTrusted);
    expect(draw(256 * TIB, false)).toBe(draw(TIB, true));
    expect(draw(256 * TIB, true)).toBe(draw(TIB, true) / 256);
  });

  test("is finite for the largest draw", () => {
    expect(nextAuditDelay(TIB, windowsFor(12_000), (length) => new Uint8Array(length).fill(255))).toBeLessThan(300_000 * 40);
  });
});
