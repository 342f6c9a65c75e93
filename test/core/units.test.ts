import { describe, expect, test } from "bun:test";
import { formatTao, parseTao } from "../../lib/core/mod.ts";

describe("parseTao()", () => {
  test("reads what formatTao() writes, to the rao", () => {
    for (const rao of [0n, 1n, 500_000_000n, 1_000_000_000n, 1_234_567_891n, 21_000_000n * 1_000_000_000n]) expect(parseTao(formatTao(rao).replace(" τ", ""))).toBe(rao);
  });

  test("refuses what is no amount, or finer than a rao", () => {
    for (const text of ["", "-1", "1e3", "0x1", "1.", ".5", "1.0000000001", "1,5", "12345678901", "1 τ"]) expect(parseTao(text), text).toBeNull();
  });
});
