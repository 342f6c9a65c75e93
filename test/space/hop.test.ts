import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { drawHop } from "../../lib/space/mod.ts";
import { SeededRandom, seeds } from "../reference/random.ts";

describe("drawHop()", () => {
  test("is SHA-256 over tag, nonce, D, hop index and link: u64 LE modulo the stripes, byte 8 modulo 128", () => {
    for (const seed of seeds(30)) {
      const random = new SeededRandom(seed);
      const [nonce, digest] = [random.bytes(32), random.bytes(32)];
      const index = random.below(16);
      const link = random.bytes(index === 0 ? 0 : 32);
      const stripeCount = 4 + random.below(1_000_000);
      const h = createHash("sha256").update("btstore-hop1").update(nonce).update(digest).update(Uint8Array.of(index)).update(link).digest();
      expect(drawHop(nonce, digest, index, link, stripeCount), `seed ${seed}`).toEqual({
        stripeIndex: Number(h.readBigUInt64LE(0) % BigInt(stripeCount)),
        linkIndex: h[8]! % 128,
      });
    }
  });

  test("refuses wrong lengths, a link at hop 0, none later, and counts out of range", () => {
    const bytes = new Uint8Array(32);
    const none = new Uint8Array(0);
    expect(() => drawHop(none, bytes, 0, none, 4)).toThrow(RangeError);
    expect(() => drawHop(bytes, none, 0, none, 4)).toThrow(RangeError);
    expect(() => drawHop(bytes, bytes, 0, bytes, 4)).toThrow(RangeError);
    expect(() => drawHop(bytes, bytes, 1, none, 4)).toThrow(RangeError);
    expect(() => drawHop(bytes, bytes, 16, bytes, 4)).toThrow(RangeError);
    expect(() => drawHop(bytes, bytes, 0, none, 3)).toThrow(RangeError);
    expect(() => drawHop(bytes, bytes, 0, none, 2 ** 40 + 1)).toThrow(RangeError);
  });
});
