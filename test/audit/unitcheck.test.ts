import { describe, expect, test } from "bun:test";
import { windowsFor, type SealProfile } from "../../lib/core/mod.ts";
import { unitSpec } from "../../lib/space/mod.ts";
import { UnitCheckDraw, checkUnit, type OpenedPiece } from "../../lib/audit/mod.ts";
import { argon2d } from "@noble/hashes/argon2.js";
import { SeededRandom } from "../reference/random.ts";
import { computeFakeUnit, confirmFakeTag } from "./partition.ts";

const windows = windowsFor(12_000);
const profile: SealProfile = { name: "small", chunksPerUnit: 1, unitsPerSector: 4, passChunks: 1 };
const spec = unitSpec("seed", 1, 5, 1, profile);

function openedPiece(pieceIndex: number, piece = new Uint8Array(2048)): OpenedPiece {
  return { sectorIndex: 0, root: new Uint8Array(32), unitIndex: 0, chunksPerUnit: 1, pieceIndex, piece };
}

describe("UnitCheckDraw", () => {
  test("keeps each piece of an hour with the same chance", () => {
    const random = new SeededRandom(1);
    const counts = new Array<number>(8).fill(0);
    let now = 0;
    const draw = new UnitCheckDraw((length) => random.bytes(length), windows, now);
    for (let hour = 0; hour < 4000; hour++) {
      draw.offer([0, 1, 2].map((i) => openedPiece(i)));
      draw.offer([3, 4, 5, 6, 7].map((i) => openedPiece(i)));
      now += windows.hourMs;
      counts[draw.take(now)!.pieceIndex]!++;
    }
    // 500 expected each; five standard deviations are 105.
    for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(105);
  });

  test("gives one piece an hour, none before it is over, none from the hour before", () => {
    const random = new SeededRandom(1);
    const draw = new UnitCheckDraw((length) => random.bytes(length), windows, 1000);
    draw.offer([openedPiece(1)]);
    expect(draw.take(1000 + windows.hourMs - 1)).toBeNull();
    expect(draw.take(1000 + windows.hourMs)?.pieceIndex).toBe(1);
    expect(draw.take(1000 + 2 * windows.hourMs)).toBeNull();
  });

  test("does not drift when asked late, and goes on when the wall clock is set back", () => {
    const random = new SeededRandom(1);
    const draw = new UnitCheckDraw((length) => random.bytes(length), windows, 0);
    draw.offer([openedPiece(1)]);
    expect(draw.take(1.9 * windows.hourMs)).not.toBeNull();
    draw.offer([openedPiece(2)]);
    expect(draw.take(2 * windows.hourMs)?.pieceIndex).toBe(2);
    draw.offer([openedPiece(3)]);
    expect(draw.take(0)?.pieceIndex).toBe(3);
  });

  test("keeps a copy, not the message the piece came in", () => {
    const body = new Uint8Array(100_000);
    const draw = new UnitCheckDraw((length) => new Uint8Array(length), windows, 0);
    draw.offer([openedPiece(1, body.subarray(50, 50 + 2048))]);
    expect(draw.take(windows.hourMs)!.piece.buffer.byteLength).toBe(2048);
  });
});

describe("checkUnit()", () => {
  test("matches the right piece, finds a flipped bit, and doubts itself when its implementations differ", async () => {
    const { pieces } = await computeFakeUnit(spec, [9]);
    expect(await checkUnit({ pieceIndex: 9, piece: pieces[0]! }, spec, computeFakeUnit, confirmFakeTag)).toBe("match");
    const flipped = pieces[0]!.slice();
    flipped[77]! ^= 4;
    expect(await checkUnit({ pieceIndex: 9, piece: flipped }, spec, computeFakeUnit, confirmFakeTag)).toBe("mismatch");
    expect(await checkUnit({ pieceIndex: 9, piece: flipped }, spec, computeFakeUnit, async () => new Uint8Array(32))).toBe("unsure");
  });

  test("doubts itself when the same run gives different pieces", async () => {
    let runs = 0;
    const shaky: typeof computeFakeUnit = async (unit, indexes) => {
      const result = await computeFakeUnit(unit, indexes);
      if (runs++ === 0) result.pieces[0]![0]! ^= 1;
      return result;
    };
    const { pieces } = await computeFakeUnit(spec, [9]);
    expect(await checkUnit({ pieceIndex: 9, piece: pieces[0]! }, spec, shaky, confirmFakeTag)).toBe("unsure");
  });

  test("confirms by the tag of @noble's Argon2d over the unit's inputs", async () => {
    const tag = argon2d(spec.password, spec.salt, { t: spec.passes, m: 1024, p: 1, version: 0x13, dkLen: 32 });
    const compute = async () => ({ tag, pieces: [new Uint8Array(2048)] });
    expect(await checkUnit({ pieceIndex: 0, piece: new Uint8Array(2048).fill(1) }, spec, compute)).toBe("mismatch");
    const wrong = async () => ({ tag: new Uint8Array(32), pieces: [new Uint8Array(2048)] });
    expect(await checkUnit({ pieceIndex: 0, piece: new Uint8Array(2048).fill(1) }, spec, wrong)).toBe("unsure");
  });
});
