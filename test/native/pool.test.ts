import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHUNK_BYTES, PIECE_BYTES, PIECES_PER_CHUNK, concat, toHex, u32le } from "../../lib/core/mod.ts";
import { SealPool, argon2d, sealMemoryBytes, type SealBatch, type UnitSpec } from "../../lib/native/mod.ts";
import { SeededRandom, seeds } from "../reference/random.ts";

let folder: string;
let pool: SealPool;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "btstore-native-"));
  pool = new SealPool({ workers: 2 });
});
afterAll(async () => {
  await pool.close();
  rmSync(folder, { recursive: true });
});

function unit(index: number, chunks = 1, passes = 1): UnitSpec {
  return { password: new Uint8Array(96).fill(7), salt: concat(new Uint8Array(12), u32le(index)), chunks, passes };
}

function sharedLeaves(unitsPerSector: number, chunks = 1): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(unitsPerSector * chunks * PIECES_PER_CHUNK * 32));
}

/** A file of `bytes` bytes of 0xee, so that what is not written shows. */
function dataFile(name: string, bytes: number): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.alloc(bytes, 0xee));
  return path;
}

function batch(changes: Partial<SealBatch> = {}): SealBatch {
  return { path: join(folder, "none"), byteOffset: 0, units: [unit(0)], firstUnit: 0, unitsPerSector: 1, leaves: sharedLeaves(1), ...changes };
}

/** A sector by the definition: piece j of unit u stands at position j × A + u. Each unit is computed alone. */
function referenceSector(units: readonly UnitSpec[]): { bytes: Uint8Array; leaves: Uint8Array; tags: string[] } {
  const { chunks } = units[0]!;
  const bytes = new Uint8Array(units.length * chunks * CHUNK_BYTES);
  const leaves = new Uint8Array((bytes.length / PIECE_BYTES) * 32);
  const tags = units.map((spec, u) => {
    const memory = new Uint8Array(chunks * CHUNK_BYTES);
    const tag = argon2d({ ...spec, memoryKib: chunks * 1024 }, memory);
    for (let j = 0; j < chunks * PIECES_PER_CHUNK; j++) {
      const piece = memory.subarray(j * PIECE_BYTES, (j + 1) * PIECE_BYTES);
      const position = j * units.length + u;
      bytes.set(piece, position * PIECE_BYTES);
      leaves.set(createHash("sha256").update("\0").update(piece).digest(), position * 32);
    }
    return toHex(tag);
  });
  return { bytes, leaves, tags };
}

describe("SealPool.seal()", () => {
  test("writes every piece and leaf of a sector where it belongs, for sectors of 1, 3, 5 and 128 units, in one batch or several", async () => {
    for (const [unitsPerSector, chunks, batchUnits] of [[1, 2, 1], [3, 1, 3], [5, 1, 2], [5, 2, 5], [128, 1, 128], [128, 1, 48]] as const) {
      const what = `A ${unitsPerSector}, r ${chunks}, batches of ${batchUnits}`;
      const units = Array.from({ length: unitsPerSector }, (_, i) => unit(1000 + i, chunks));
      const expected = referenceSector(units);
      const path = dataFile("sector", expected.bytes.length);
      const leaves = sharedLeaves(unitsPerSector, chunks);
      const tags: string[] = [];
      for (let firstUnit = 0; firstUnit < unitsPerSector; firstUnit += batchUnits) {
        const sealed = await pool.seal({ path, byteOffset: 0, units: units.slice(firstUnit, firstUnit + batchUnits), firstUnit, unitsPerSector, leaves });
        tags.push(...sealed.map(toHex));
      }
      expect(tags, what).toEqual(expected.tags);
      expect(Buffer.compare(readFileSync(path), expected.bytes), what).toBe(0);
      expect(Buffer.compare(leaves, expected.leaves), what).toBe(0);
    }
  });

  test("touches nothing but its own positions", async () => {
    for (const seed of seeds(6)) {
      const random = new SeededRandom(seed);
      const unitsPerSector = 2 + random.below(6);
      const firstUnit = random.below(unitsPerSector);
      const count = 1 + random.below(unitsPerSector - firstUnit);
      const units = Array.from({ length: unitsPerSector }, (_, i) => unit(100 * seed + i, 1, 1 + (seed % 2)));
      const byteOffset = random.below(3) * CHUNK_BYTES;
      const path = dataFile("partial", byteOffset + (unitsPerSector + 1) * CHUNK_BYTES);
      const leaves = sharedLeaves(unitsPerSector).fill(0xee);
      await pool.seal({ path, byteOffset, units: units.slice(firstUnit, firstUnit + count), firstUnit, unitsPerSector, leaves });
      const expected = referenceSector(units);
      const file = Buffer.alloc(byteOffset + (unitsPerSector + 1) * CHUNK_BYTES, 0xee);
      for (let position = 0; position < unitsPerSector * PIECES_PER_CHUNK; position++) {
        const u = position % unitsPerSector;
        if (u >= firstUnit && u < firstUnit + count) {
          file.set(expected.bytes.subarray(position * PIECE_BYTES, (position + 1) * PIECE_BYTES), byteOffset + position * PIECE_BYTES);
        } else {
          expected.leaves.fill(0xee, position * 32, (position + 1) * 32);
        }
      }
      expect(Buffer.compare(readFileSync(path), file), `seed ${seed}`).toBe(0);
      expect(Buffer.compare(leaves, expected.leaves), `seed ${seed}`).toBe(0);
    }
  });

  test("runs batches side by side and in turn, and reports all bytes in the end", async () => {
    const unitsPerSector = 6;
    const units = Array.from({ length: unitsPerSector }, (_, i) => unit(i));
    const expected = referenceSector(units);
    const path = dataFile("parallel", expected.bytes.length);
    const leaves = sharedLeaves(unitsPerSector);
    const progress = new Array<number>(3).fill(0);
    await Promise.all(
      [0, 1, 2].map((i) =>
        pool.seal({ path, byteOffset: 0, units: units.slice(2 * i, 2 * i + 2), firstUnit: 2 * i, unitsPerSector, leaves }, { onProgress: (done) => (progress[i] = done) }),
      ),
    );
    expect(progress).toEqual(Array(3).fill(2 * CHUNK_BYTES));
    expect(Buffer.compare(readFileSync(path), expected.bytes)).toBe(0);
    expect(Buffer.compare(leaves, expected.leaves)).toBe(0);
  });

  test("names a full disk, a missing file and a folder", async () => {
    await expect(pool.seal(batch({ path: "/dev/full" }))).rejects.toMatchObject({ code: "disk_full" });
    await expect(pool.seal(batch())).rejects.toMatchObject({ code: "disk" });
    await expect(pool.seal(batch({ path: folder }))).rejects.toMatchObject({ code: "disk" });
  });

  test("stops when asked, under way or before it began, and the pool goes on", async () => {
    const path = dataFile("cancel", CHUNK_BYTES);
    const one = new AbortController();
    // Far more passes than anyone waits for: only the cancel ends these.
    const endless = () => pool.seal(batch({ path, units: [unit(1, 1, 65_536)] }), { signal: one.signal, onProgress: () => one.abort() });
    const running = [endless(), endless(), endless()];
    for (const { status } of await Promise.allSettled(running)) expect(status).toBe("rejected");
    await expect(running[0]!).rejects.toMatchObject({ code: "cancelled" });
    await expect(running[2]!).rejects.toMatchObject({ code: "cancelled" });
    await expect(pool.seal(batch({ path }), { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "cancelled" });
    expect(readFileSync(path)).toEqual(Buffer.alloc(CHUNK_BYTES, 0xee));
    expect(await pool.seal(batch({ path }))).toHaveLength(1);
  });

  test("writes nothing while paused, and stops there too when asked", async () => {
    const path = dataFile("paused", CHUNK_BYTES);
    pool.pause();
    const stop = new AbortController();
    const computed = Promise.withResolvers<void>();
    const paused = pool.seal(batch({ path }), { signal: stop.signal, onProgress: (done) => done === CHUNK_BYTES && computed.resolve() });
    await computed.promise;
    expect(readFileSync(path)).toEqual(Buffer.alloc(CHUNK_BYTES, 0xee));
    stop.abort();
    await expect(paused).rejects.toMatchObject({ code: "cancelled" });
    const second = pool.seal(batch({ path }));
    pool.resume();
    expect((await second).map(toHex)).toEqual(referenceSector([unit(0)]).tags);
    expect(Buffer.compare(readFileSync(path), referenceSector([unit(0)]).bytes)).toBe(0);
  });

  test("refuses a batch that does not fit together", async () => {
    await expect(pool.seal(batch({ units: [] }))).rejects.toThrow("units: expected a whole number from 1");
    await expect(pool.seal(batch({ firstUnit: 1 }))).rejects.toThrow("firstUnit: expected a whole number from 0 to 0, got 1");
    await expect(pool.seal(batch({ units: [unit(0), unit(1, 2)], unitsPerSector: 2 }))).rejects.toThrow("units: expected one password, size and number of passes");
    await expect(pool.seal(batch({ leaves: new Uint8Array(512 * 32) }))).rejects.toThrow("leaves: expected a view of a SharedArrayBuffer");
    await expect(pool.seal(batch({ leaves: sharedLeaves(2) }))).rejects.toThrow("leaves: expected 16384 bytes, got 32768");
    await expect(pool.seal(batch({ units: [{ ...unit(0), salt: new Uint8Array(15) }] }))).rejects.toThrow("salt: expected 16 bytes, got 15");
  });

  test("makes a short file longer rather than failing", async () => {
    const path = dataFile("short", CHUNK_BYTES);
    truncateSync(path, 0);
    await pool.seal(batch({ path }));
    expect(readFileSync(path)).toHaveLength(CHUNK_BYTES);
  });
});

describe("SealPool.unitPieces()", () => {
  test("gives the unit's tag and the pieces asked for, in that order", async () => {
    const spec = unit(3, 2, 2);
    const memory = new Uint8Array(2 * CHUNK_BYTES);
    const tag = argon2d({ ...spec, memoryKib: 2048 }, memory);
    const indexes = [1023, 0, 511, 0];
    const found = await pool.unitPieces(spec, indexes);
    expect(toHex(found.tag)).toBe(toHex(tag));
    expect(found.pieces.map(toHex)).toEqual(indexes.map((index) => toHex(memory.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES))));
    expect((await pool.unitPieces(spec, [])).pieces).toEqual([]);
    await expect(pool.unitPieces(spec, [1024])).rejects.toThrow("pieceIndexes: expected a whole number from 0 to 1023, got 1024");
  });

  test("can be cancelled", async () => {
    const stop = new AbortController();
    const check = pool.unitPieces(unit(1, 1, 65_536), [0], { signal: stop.signal });
    stop.abort();
    await expect(check).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("SealPool.close()", () => {
  test("cancels what is under way and waiting, and refuses what comes later", async () => {
    const closing = new SealPool({ workers: 1 });
    const calls = [closing.unitPieces(unit(1, 1, 65_536), [0]), closing.unitPieces(unit(2, 1, 65_536), [0])];
    const settled = Promise.allSettled(calls);
    await closing.close();
    for (const outcome of await settled) expect(outcome).toMatchObject({ status: "rejected", reason: { code: "cancelled" } });
    await expect(closing.unitPieces(unit(1), [0])).rejects.toMatchObject({ code: "cancelled" });
    await closing.close();
  });
});

test("sealMemoryBytes() counts the units, one more, and a huge page", () => {
  expect(sealMemoryBytes(32, 32)).toBe(33 * 32 * CHUNK_BYTES + 2 ** 21);
});
