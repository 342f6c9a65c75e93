import { describe, expect, test } from "bun:test";
import { drawPicks, newAudit } from "../../lib/audit/mod.ts";
import { SeededRandom } from "../reference/random.ts";

describe("drawPicks()", () => {
  test("never draws the link, and every other piece about equally often", () => {
    const random = new SeededRandom(1);
    const counts = new Array<number>(128).fill(0);
    const hops = Array.from({ length: 16 }, () => ({ stripeIndex: 0, linkIndex: 77 }));
    for (let i = 0; i < 1270; i++) for (const pick of drawPicks((length) => random.bytes(length), hops)) counts[pick]!++;
    expect(counts[77]).toBe(0);
    // 160 expected each; five standard deviations are 63.
    for (const [piece, count] of counts.entries()) if (piece !== 77) expect(Math.abs(count - 160)).toBeLessThan(64);
  });

  test("draws bytes of 254 and 255 again, so that no piece is likelier", () => {
    const bytes = [255, 254, 253];
    expect(drawPicks(() => Uint8Array.of(bytes.shift()!), [{ stripeIndex: 0, linkIndex: 127 }])).toEqual([126]);
  });

  test("newAudit() takes a fresh nonce of 32 bytes", () => {
    const random = new SeededRandom(1);
    const bytes = (length: number) => random.bytes(length);
    const [first, second] = [newAudit(bytes, new Uint8Array(32)), newAudit(bytes, new Uint8Array(32))];
    expect(first.nonce).toHaveLength(32);
    expect(first.nonce).not.toEqual(second.nonce);
  });
});
