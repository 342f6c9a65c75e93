import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { PIECE_BYTES, STRIPE_BYTES, type SealProfile } from "../../lib/core/mod.ts";
import { SealPool } from "../../lib/native/mod.ts";
import { Partition, describeDamage, fillPartition, hashesName, scrubPartition, type Damage, type Sealer } from "../../lib/store/mod.ts";
import { TINY, VALIDATOR, WIDE, keyIn, slowFill, withFolder } from "./fixture.ts";

const pool = new SealPool({ workers: 2 });
afterAll(() => pool.close());

/** A sealed partition; `body` gets it and its folder. */
async function sealed(chunkCount: number, profile: SealProfile, body: (partition: Partition, dir: string) => Promise<void>): Promise<void> {
  await withFolder(async (dir) => {
    const partition = await Partition.create(keyIn(dir, profile), chunkCount);
    await fillPartition(partition, pool, { workers: 2, batchUnits: 2 });
    try {
      await body(partition, dir);
    } finally {
      await partition.close();
    }
  });
}

async function flip(path: string, ...offsets: number[]): Promise<void> {
  const file = await open(path, "r+");
  for (const offset of offsets) {
    const byte = new Uint8Array(1);
    await file.read(byte, 0, 1, offset);
    byte[0]! ^= 0x10;
    await file.write(byte, 0, 1, offset);
  }
  await file.close();
}

/** Changes a hashes file behind the partition's back. */
function alter(dir: string, sql: string): void {
  const database = new Database(join(dir, hashesName(VALIDATOR)), { readwrite: true });
  database.run(sql);
  database.close();
}

const repairing = { repair: pool };

describe("scrubPartition()", () => {
  test("finds nothing wrong in what was just sealed", async () => {
    for (const [chunkCount, profile] of [[1, TINY], [14, TINY], [46, WIDE]] as const) {
      await sealed(chunkCount, profile, async (partition) => {
        const seen: number[] = [];
        const result = await scrubPartition(partition, { onProgress: ({ doneBytes }) => seen.push(doneBytes) });
        expect(result).toEqual({ checkedBytes: partition.geometry.byteLength, damageCount: 0, repairedCount: 0, damages: [] });
        expect(seen.at(-1)).toBe(partition.geometry.byteLength);
      });
    }
  });

  test("finds a single flipped byte wherever it is, names its place, and repairs it", async () => {
    const length = 14 * 2 ** 20;
    const offsets = [0, STRIPE_BYTES - 1, STRIPE_BYTES, 5_000_000, 8 * 2 ** 20 - 1, 8 * 2 ** 20, 11_111_111, length - 1];
    await sealed(14, TINY, async (partition) => {
      for (const offset of offsets) {
        await flip(partition.dataPath, offset);
        const stripeIndex = Math.floor(offset / STRIPE_BYTES);
        const place = { kind: "stripe", stripeIndex, chunkIndex: Math.floor(offset / 2 ** 20), sectorIndex: offset < 8 * 2 ** 20 ? 0 : 1 };
        expect((await scrubPartition(partition)).damages, `byte ${offset}`).toMatchObject([{ ...place, changed: null, isRepaired: false }]);
        const { damages, repairedCount } = await scrubPartition(partition, repairing);
        expect(damages, `byte ${offset}`).toMatchObject([{ ...place, changed: { from: offset, to: offset + 1 }, isRepaired: true }]);
        expect(repairedCount).toBe(1);
        expect(describeDamage(damages[0]!)).toBe(`chunk ${place.chunkIndex} (stripe ${stripeIndex}), byte ${offset}`);
        expect((await scrubPartition(partition)).damageCount).toBe(0);
      }
      expect(Buffer.compare(await readFile(partition.dataPath), slowFill(14).bytes)).toBe(0);
    });
  });

  test("repairs many stripes at once and writes only pieces that differ", async () => {
    await sealed(46, WIDE, async (partition) => {
      const length = partition.geometry.byteLength;
      const offsets = Array.from({ length: 60 }, (_, i) => (i * 800_011) % length);
      await flip(partition.dataPath, ...offsets);
      const writes: number[] = [];
      const { writeAt } = partition;
      partition.writeAt = (offset, bytes) => (writes.push(bytes.length), writeAt.call(partition, offset, bytes));
      const { damageCount, repairedCount } = await scrubPartition(partition, repairing);
      expect(damageCount).toBe(new Set(offsets.map((offset) => Math.floor(offset / STRIPE_BYTES))).size);
      expect(repairedCount).toBe(damageCount);
      expect(writes).toEqual(new Array(60).fill(PIECE_BYTES));
      expect(Buffer.compare(await readFile(partition.dataPath), slowFill(46, WIDE).bytes)).toBe(0);
    });
  });

  test("checks sealed units of an unfinished sector, and leaves the bad one to the next fill", async () => {
    await withFolder(async (dir) => {
      const partition = await Partition.create(keyIn(dir), 8);
      let batches = 0;
      const halfWay: Sealer = { seal: (batch, options) => (batches++ < 2 ? pool.seal(batch, options) : Promise.reject(new Error("enough"))) };
      await fillPartition(partition, halfWay, { workers: 1, batchUnits: 1 }).catch(() => {});
      expect((await scrubPartition(partition)).damageCount).toBe(0);
      // Piece 1 of the file is piece 0 of unit 1; piece 3 belongs to no sealed unit yet.
      await flip(partition.dataPath, PIECE_BYTES + 5, 3 * PIECE_BYTES);
      expect((await scrubPartition(partition)).damages).toMatchObject([{ kind: "unit", sectorIndex: 0, unitIndex: 1, isRepaired: false }]);
      await scrubPartition(partition, repairing);
      expect(partition.records.units(0, 3).map(({ unitIndex }) => unitIndex)).toEqual([0]);
      await partition.close();
    });
  });

  const rotten: [string, string][] = [
    ["a stripe root", "UPDATE stripe_roots SET roots = zeroblob(length(roots)) WHERE group_id = 65537"],
    ["a group root", "UPDATE group_roots SET roots = zeroblob(length(roots)) WHERE sector_index = 1"],
    ["a sector root", "UPDATE sectors SET root = zeroblob(32) WHERE sector_index = 1"],
    ["a missing row of stripe roots", "DELETE FROM stripe_roots WHERE group_id = 65536"],
    ["a row of the wrong size", "UPDATE stripe_roots SET roots = zeroblob(31) WHERE group_id = 65536"],
    ["a missing row of group roots", "DELETE FROM group_roots WHERE sector_index = 1"],
  ];
  test("names recorded roots that rotted, and restores them from the bytes", async () => {
    const profile: SealProfile = { ...TINY, name: "wider", unitsPerSector: 17 };
    await sealed(68, profile, async (made, dir) => {
      const { roots } = made.declared();
      for (const [what, sql] of rotten) {
        alter(dir, sql);
        await withPartition(dir, profile, async (partition) => {
          const expected: Partial<Damage> = { kind: "roots", sectorIndex: 1 };
          expect((await scrubPartition(partition)).damages, what).toMatchObject([expected]);
          expect((await scrubPartition(partition, repairing)).damages, what).toMatchObject([{ ...expected, isRepaired: true }]);
          expect((await scrubPartition(partition)).damageCount, what).toBe(0);
          expect(partition.declared().roots, what).toEqual([...roots]);
        });
      }
    });
  });

  test("stops on the signal", async () => {
    await sealed(8, TINY, async (partition) => {
      await expect(scrubPartition(partition, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "cancelled" });
    });
  });
});

async function withPartition(dir: string, profile: SealProfile, body: (partition: Partition) => Promise<void>): Promise<void> {
  const partition = (await Partition.open(keyIn(dir, profile)))!;
  try {
    await body(partition);
  } finally {
    await partition.close();
  }
}
