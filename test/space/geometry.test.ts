import { describe, expect, test } from "bun:test";
import { PIECES_PER_STRIPE, SEAL_PROFILE, type SealProfile } from "../../lib/core/mod.ts";
import { geometryOf, pieceOrigin, piecePosition, sectorAt, sectorOfStripe, wholeChunks } from "../../lib/space/mod.ts";
import { SeededRandom, seeds } from "../reference/random.ts";

const SMALL: SealProfile = { name: "small", chunksPerUnit: 2, unitsPerSector: 3, passChunks: 4 };

describe("geometryOf()", () => {
  test("makes one short unit below a full one, whole units above, nothing of nothing", () => {
    const shape = (chunks: number) => {
      const { chunksPerUnit, unitCount, sectorCount, stripeCount, byteLength } = geometryOf(chunks);
      return [chunksPerUnit, unitCount, sectorCount, stripeCount, byteLength];
    };
    expect(shape(0)).toEqual([32, 0, 0, 0, 0]);
    expect(shape(1)).toEqual([1, 1, 1, 4, 2 ** 20]);
    expect(shape(31)).toEqual([31, 1, 1, 124, 31 * 2 ** 20]);
    expect(shape(32)).toEqual([32, 1, 1, 128, 2 ** 25]);
    expect(shape(64)).toEqual([32, 2, 1, 256, 2 ** 26]);
    expect(shape(4096)).toEqual([32, 128, 1, 16_384, 2 ** 32]);
    expect(shape(4128)).toEqual([32, 129, 2, 16_512, 2 ** 32 + 2 ** 25]);
  });

  test("refuses a chunk count that is neither short nor whole", () => {
    for (const chunks of [33, 63, 65, -1, 1.5, 2 ** 38 + 32]) expect(() => geometryOf(chunks)).toThrow(RangeError);
  });

  test("wholeChunks() rounds down to what geometryOf() takes, losing under one unit", () => {
    for (const seed of seeds(50)) {
      const wanted = new SeededRandom(seed).below(10_000);
      const whole = wholeChunks(wanted);
      expect(geometryOf(whole).chunkCount, `seed ${seed}`).toBe(whole);
      expect(wanted - whole, `seed ${seed}`).toBeGreaterThanOrEqual(0);
      expect(wanted - whole, `seed ${seed}`).toBeLessThan(SEAL_PROFILE.chunksPerUnit);
    }
  });
});

describe("sectorAt() and sectorOfStripe()", () => {
  test("sectors tile units, stripes and bytes without gap or overlap", () => {
    for (const chunks of [1, 2, 4, 6, 8, 12, 14, 24]) {
      const geometry = geometryOf(chunks, SMALL);
      let [unit, stripe, byte] = [0, 0, 0];
      for (let index = 0; index < geometry.sectorCount; index++) {
        const sector = sectorAt(geometry, index);
        expect([sector.index, sector.firstUnit, sector.firstStripe, sector.byteOffset]).toEqual([index, unit, stripe, byte]);
        expect(sector.pieceCount).toBe(sector.stripeCount * PIECES_PER_STRIPE);
        for (let s = 0; s < sector.stripeCount; s++) expect(sectorOfStripe(geometry, stripe + s)).toEqual(sector);
        unit += sector.unitCount;
        stripe += sector.stripeCount;
        byte += sector.byteLength;
      }
      expect([unit, stripe, byte]).toEqual([geometry.unitCount, geometry.stripeCount, geometry.byteLength]);
    }
  });

  test("refuse a sector or stripe past the end", () => {
    const geometry = geometryOf(8, SMALL);
    expect(() => sectorAt(geometry, geometry.sectorCount)).toThrow(RangeError);
    expect(() => sectorOfStripe(geometry, geometry.stripeCount)).toThrow(RangeError);
    expect(() => sectorAt(geometryOf(0), 0)).toThrow(RangeError);
  });
});

describe("pieceOrigin() and piecePosition()", () => {
  test("are inverse to each other and reach every piece of every unit once", () => {
    for (const chunks of [1, 2, 4, 6, 8, 14]) {
      const geometry = geometryOf(chunks, SMALL);
      const seen = new Set<string>();
      for (let index = 0; index < geometry.sectorCount; index++) {
        const sector = sectorAt(geometry, index);
        for (let position = 0; position < sector.pieceCount; position++) {
          const origin = pieceOrigin(sector, Math.floor(position / PIECES_PER_STRIPE), position % PIECES_PER_STRIPE);
          seen.add(`${origin.unitIndex}/${origin.pieceIndex}`);
          expect(piecePosition(sector, origin.unitIndex - sector.firstUnit, origin.pieceIndex)).toBe(position);
        }
      }
      expect(seen.size).toBe(geometry.unitCount * geometry.chunksPerUnit * 512);
    }
  });

  test("one stripe of a full sector holds one piece of each of its 128 units", () => {
    const sector = sectorAt(geometryOf(4096), 0);
    for (const seed of seeds(20)) {
      const stripe = new SeededRandom(seed).below(sector.stripeCount);
      const units = new Set(Array.from({ length: PIECES_PER_STRIPE }, (_, piece) => pieceOrigin(sector, stripe, piece).unitIndex));
      expect(units.size, `seed ${seed}`).toBe(128);
    }
  });
});
