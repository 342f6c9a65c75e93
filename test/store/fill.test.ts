import { afterAll, describe, expect, test } from "bun:test";
import { readFile, writeFile, truncate } from "node:fs/promises";
import { join } from "node:path";
import { BtstoreError, CHUNK_BYTES, STRIPE_BYTES, type SealProfile } from "../../lib/core/mod.ts";
import { SealPool, stripeRoots } from "../../lib/native/mod.ts";
import { rootFromPath, sectorOfStripe } from "../../lib/space/mod.ts";
import { Partition, fillPartition, fillPartitions, type FillProgress, type Sealer } from "../../lib/store/mod.ts";
import { TINY, WIDE, address, keyIn, slowFill, withFolder } from "./fixture.ts";

const pool = new SealPool({ workers: 2 });
afterAll(() => pool.close());

const OPTIONS = { workers: 2, batchUnits: 2 };

/** A sealer that does `first` batches and then something else. */
function sealerUntil(first: number, then: () => Promise<Uint8Array[]>): Sealer {
  let count = 0;
  return { seal: (batch, options) => (count++ < first ? pool.seal(batch, options) : then()) };
}

const failing = (code: "disk_full" | "memory") => () => Promise.reject(new BtstoreError(code, "Cannot write: injected"));

describe("fillPartition()", () => {
  const shapes: [string, number, SealProfile][] = [
    ["one unit of one chunk", 1, TINY],
    ["one full unit", 2, TINY],
    ["one full sector", 8, TINY],
    ["a full and a short sector", 14, TINY],
    ["three full sectors", 24, TINY],
    ["a sector of two rows of stripe roots and a short one", 46, WIDE],
  ];
  test.each(shapes)("writes what the slow filler writes, and its roots, tags and paths: %s", async (_, chunkCount, profile) => {
    await withFolder(async (dir) => {
      const partition = await Partition.create(keyIn(dir, profile), chunkCount);
      await fillPartition(partition, pool, OPTIONS);
      const slow = slowFill(chunkCount, profile);
      expect(Buffer.compare(await readFile(partition.dataPath), slow.bytes)).toBe(0);
      const declared = partition.declared();
      expect(declared.roots).toEqual(slow.roots);
      expect(declared.chunkCount).toBe(chunkCount);
      expect(partition.records.units(0, 1000).map(({ tag }) => tag)).toEqual(slow.tags);
      for (let stripe = 0; stripe < declared.stripeCount; stripe++) {
        const sector = sectorOfStripe(partition.geometry, stripe);
        const [root] = [stripeRoots(await partition.readStripe(stripe))];
        const found = rootFromPath(root, stripe - sector.firstStripe, sector.stripeCount, await partition.commitmentPath(stripe));
        expect(found, `stripe ${stripe}`).toEqual(slow.roots[sector.index]!);
      }
      await partition.close();
    });
  });

  test("gives the same file whatever the workers and batches", async () => {
    const { bytes } = slowFill(12);
    for (const [workers, batchUnits] of [[1, 1], [1, 4], [2, 1], [3, 2], [5, 3]] as const) {
      await withFolder(async (dir) => {
        const partition = await Partition.create(keyIn(dir), 12);
        await fillPartition(partition, pool, { workers, batchUnits });
        expect(Buffer.compare(await readFile(partition.dataPath), bytes), `${workers} workers, ${batchUnits} units`).toBe(0);
        await partition.close();
      });
    }
  });

  test("fills several partitions in one run and reports each", async () => {
    await withFolder(async (dir) => {
      const keys = ["First", "Second", "Third"].map((name) => ({ ...keyIn(dir), validator: address(name) }));
      const partitions = await Promise.all(keys.map((key) => Partition.create(key, 2)));
      const seen: FillProgress[] = [];
      await fillPartitions(partitions, pool, { workers: 2, batchUnits: 1, onProgress: (progress) => seen.push(progress) });
      for (const [i, partition] of partitions.entries()) {
        expect(partition.declared().roots).toEqual(slowFill(2, TINY, keys[i]).roots);
        await partition.close();
      }
      expect(seen[0]).toMatchObject({ doneBytes: 0, totalBytes: 6 * CHUNK_BYTES, bytesPerSecond: 0 });
      expect(seen.at(-1)).toMatchObject({ doneBytes: 6 * CHUNK_BYTES, totalBytes: 6 * CHUNK_BYTES });
      expect(seen.at(-1)!.partitions.map(({ doneBytes }) => doneBytes)).toEqual([2, 2, 2].map((n) => n * CHUNK_BYTES));
      expect(seen.every(({ doneBytes, totalBytes }) => doneBytes >= 0 && doneBytes <= totalBytes)).toBe(true);
    });
  });

  test("goes on after a full disk, says how far it got, and seals nothing twice", async () => {
    await withFolder(async (dir) => {
      const partition = await Partition.create(keyIn(dir), 16);
      const failure = await fillPartition(partition, sealerUntil(3, failing("disk_full")), { workers: 1, batchUnits: 1 }).catch((error) => error);
      expect(failure).toBeInstanceOf(BtstoreError);
      expect(failure.code).toBe("disk_full");
      expect(failure.message).toContain("6.00 MiB of 16.0 MiB are sealed and stay");
      expect(failure.message).toContain("run the same command again");
      expect(partition.sealedBytes()).toBe(6 * CHUNK_BYTES);
      expect(partition.declared().roots).toEqual([]);
      let units = 0;
      await fillPartition(partition, { seal: (batch, options) => ((units += batch.units.length), pool.seal(batch, options)) }, OPTIONS);
      expect(units).toBe(5);
      expect(Buffer.compare(await readFile(partition.dataPath), slowFill(16).bytes)).toBe(0);
      await partition.close();
    });
  });

  test("stops before the disk is full to the last byte, counting what other workers are going to write", async () => {
    await withFolder(async (dir) => {
      const partition = await Partition.create(keyIn(dir), 16);
      // A file whose space could not be reserved.
      await truncate(partition.dataPath, 0);
      await truncate(partition.dataPath, partition.geometry.byteLength);
      const spareBytes = 64 * 2 ** 20;
      // Room for two batches of 4 MiB, not for a third.
      partition.freeBytes = async () => spareBytes + 11 * 2 ** 20 - (await partition.takenBytes());
      const failure = await fillPartition(partition, pool, { workers: 4, batchUnits: 2 }).catch((error) => error);
      expect(failure.code).toBe("disk_full");
      expect(await partition.takenBytes()).toBeLessThanOrEqual(11 * 2 ** 20);
      partition.freeBytes = async () => spareBytes * 2;
      await fillPartition(partition, pool, OPTIONS);
      // Nothing is left to be written: a full disk does not matter.
      partition.withdraw(0, [0, 1]);
      partition.freeBytes = async () => 0;
      await fillPartition(partition, pool, OPTIONS);
      expect(partition.declared().roots).toEqual(slowFill(16).roots);
      await partition.close();
    });
  });

  test("blames the memory, not a cancelled neighbour, when a batch comes out differently", async () => {
    await withFolder(async (dir) => {
      const partition = await Partition.create(keyIn(dir), 16);
      const failure = await fillPartition(partition, sealerUntil(1, failing("memory")), { workers: 2, batchUnits: 1 }).catch((error) => error);
      expect(failure.code).toBe("memory");
      await partition.close();
    });
  });

  test("records nothing after a failed sync", async () => {
    await withFolder(async (dir) => {
      const partition = await Partition.create(keyIn(dir), 16);
      partition.sync = failing("disk_full") as unknown as typeof partition.sync;
      const failure = await fillPartition(partition, pool, { workers: 2, batchUnits: 1 }).catch((error) => error);
      expect(failure.code).toBe("disk_full");
      expect(partition.sealedBytes()).toBe(0);
      await partition.close();
    });
  });

  test("stops on the signal and goes on where it was", async () => {
    await withFolder(async (dir) => {
      const controller = new AbortController();
      const partition = await Partition.create(keyIn(dir), 16);
      const sealer: Sealer = {
        async seal(batch, options) {
          if (partition.sealedBytes() > 0) controller.abort();
          return pool.seal(batch, options);
        },
      };
      const failure = await fillPartition(partition, sealer, { workers: 1, batchUnits: 1, signal: controller.signal }).catch((error) => error);
      expect(failure.code).toBe("cancelled");
      await partition.close();
      const again = (await Partition.open(keyIn(dir)))!;
      expect(again.sealedBytes()).toBeGreaterThan(0);
      expect(again.sealedBytes()).toBeLessThan(16 * CHUNK_BYTES);
      await fillPartition(again, pool, OPTIONS);
      expect(Buffer.compare(await readFile(again.dataPath), slowFill(16).bytes)).toBe(0);
      await again.close();
    });
  });

  test("seals a recorded unit again if its bytes or its digest changed meanwhile", async () => {
    for (const what of ["bytes", "digest"] as const) {
      await withFolder(async (dir) => {
        const partition = await Partition.create(keyIn(dir), 8);
        await fillPartition(partition, sealerUntil(3, failing("disk_full")), { workers: 1, batchUnits: 1 }).catch(() => {});
        expect(partition.sealedBytes()).toBe(6 * CHUNK_BYTES);
        const [, second] = partition.records.units(0, 3);
        if (what === "bytes") {
          const bytes = await readFile(partition.dataPath);
          bytes[5 * STRIPE_BYTES + 2048]! ^= 1;
          await writeFile(partition.dataPath, bytes);
        } else {
          partition.recordUnits([{ ...second!, digest: new Uint8Array(32) }]);
        }
        const sealed: number[] = [];
        await fillPartition(partition, { seal: (batch, options) => (sealed.push(...batch.units.map((_, i) => batch.firstUnit + i)), pool.seal(batch, options)) }, OPTIONS);
        expect(sealed.sort(), what).toEqual([1, 3]);
        expect(Buffer.compare(await readFile(partition.dataPath), slowFill(8).bytes)).toBe(0);
        await partition.close();
      });
    }
  });

  test("records the sector whose units were all recorded before a kill", async () => {
    await withFolder(async (dir) => {
      const partition = await Partition.create(keyIn(dir), 8);
      await fillPartition(partition, pool, OPTIONS);
      partition.withdraw(0, []);
      expect(partition.declared().roots).toEqual([]);
      await fillPartition(partition, { seal: () => Promise.reject(new Error("nothing is missing")) }, OPTIONS);
      expect(partition.declared().roots).toEqual(slowFill(8).roots);
      await partition.close();
    });
  });
});

describe("Partition.resize()", () => {
  const cases: [string, number, number, number][] = [
    ["growth within a short last sector", 12, 14, 1],
    ["growth by whole sectors", 8, 24, 1],
    ["growth over a short last sector", 14, 22, 1],
    ["shrinking to whole sectors", 24, 8, 1],
    ["shrinking into a sector", 24, 14, 1],
    ["growth from under one unit", 1, 8, 0],
    ["shrinking to under one unit", 8, 1, 0],
  ];
  test.each(cases)("ends as if filled at that size from the start: %s", async (_, before, after, kept) => {
    await withFolder(async (dir) => {
      const partition = await Partition.create(keyIn(dir), before);
      await fillPartition(partition, pool, OPTIONS);
      const old = slowFill(before);
      partition.resize(after);
      expect(partition.declared().roots).toEqual(old.roots.slice(0, kept));
      // Until it is settled the old declaration can be answered, also after a restart.
      await partition.close();
      const again = (await Partition.open(keyIn(dir)))!;
      expect(again.declared().roots).toEqual(old.roots.slice(0, kept));
      const last = before * 4 - 1;
      expect(Buffer.compare(await again.readStripe(last), old.bytes.subarray(last * STRIPE_BYTES))).toBe(0);
      await again.commitmentPath(last);
      await fillPartition(again, pool, OPTIONS);
      const slow = slowFill(after);
      expect(Buffer.compare(await readFile(again.dataPath), slow.bytes)).toBe(0);
      expect(again.declared().roots).toEqual(slow.roots);
      await again.close();
    });
  });

  test("is put right by open() after a kill between the record and the file", async () => {
    for (const [before, after] of [[24, 14], [14, 24]] as const) {
      await withFolder(async (dir) => {
        const partition = await Partition.create(keyIn(dir), before);
        await fillPartition(partition, pool, OPTIONS);
        partition.resize(after);
        partition.records.relayout(after, 1, 4);
        await partition.close();
        const again = (await Partition.open(keyIn(dir)))!;
        expect((await Bun.file(join(dir, again.dataPath.slice(dir.length + 1))).stat()).size).toBe(after * CHUNK_BYTES);
        await fillPartition(again, pool, OPTIONS);
        expect(again.declared().roots).toEqual(slowFill(after).roots);
        await again.close();
      });
    }
  });
});
