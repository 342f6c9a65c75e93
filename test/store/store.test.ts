import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CHUNK_BYTES, type Ss58 } from "../../lib/core/mod.ts";
import { SealPool } from "../../lib/native/mod.ts";
import { MANIFEST_NAME, fillPartitions, hashesName, openHashes, openStore, readManifest, scrubPartition, storeFolder, type Partition, type Allotment, type StoreOptions } from "../../lib/store/mod.ts";
import { GENESIS, MINER, TINY, address, keyIn, slowFill, withFolder } from "./fixture.ts";

const pool = new SealPool({ workers: 2 });
afterAll(() => pool.close());

const OPTIONS = { workers: 2, batchUnits: 2 };
const [ONE, TWO, THREE] = ["First", "Second", "Third"].map(address) as [Ss58, Ss58, Ss58];

function optionsIn(dbPath: string): StoreOptions {
  return { dbPath, walletName: "default", hotkeyName: "hot", self: MINER, netuid: 3, genesisHash: GENESIS, profile: TINY };
}

const plan = (...chunkCounts: number[]): Allotment[] => [ONE, TWO, THREE].map((validator, i) => ({ validator, chunkCount: chunkCounts[i] ?? 0 }));

/** A folder with two sealed partitions, closed. */
async function withSealed(body: (dbPath: string, dir: string) => Promise<void>): Promise<void> {
  await withFolder(async (dbPath) => {
    const store = await openStore(optionsIn(dbPath));
    await store.applyPlan(plan(8, 2));
    await fillPartitions(store.partitions(), pool, OPTIONS);
    await store.close();
    await body(dbPath, store.dir);
  });
}

const rootsFor = (validator: Ss58, chunkCount: number) => slowFill(chunkCount, TINY, { ...keyIn(""), validator }).roots;

describe("openStore()", () => {
  test("keeps its files where DESIGN section 3 says, and finds them again", async () => {
    await withSealed(async (dbPath, dir) => {
      expect(dir).toBe(join(dbPath, "default", "hot"));
      expect((await readdir(dir)).filter((name) => !name.startsWith(".")).sort()).toEqual([`data-${ONE}`, `data-${TWO}`, `hashes-${ONE}`, `hashes-${TWO}`, MANIFEST_NAME].sort());
      const manifest = await readManifest(dir);
      expect(manifest).toMatchObject([
        { path: dir, owner: MINER, validator: ONE, size: 8 * CHUNK_BYTES, n_chunks: 8, seed: MINER + ONE, netuid: 3, sectors: 1, seal: "tiny" },
        { path: dir, owner: MINER, validator: TWO, size: 2 * CHUNK_BYTES, n_chunks: 2, seed: MINER + TWO, netuid: 3, sectors: 1, seal: "tiny" },
      ]);
      const store = await openStore(optionsIn(dbPath));
      expect(store.current()).toEqual(new Map([[ONE, 8], [TWO, 2]]));
      expect(store.partition(ONE)!.declared().roots).toEqual(rootsFor(ONE, 8));
      expect((await store.space()).takenBytes).toBeGreaterThanOrEqual(10 * CHUNK_BYTES);
      await store.close();
      expect(await readManifest(dir)).toEqual(manifest);
    });
  });

  test("is refused to a second owner, not to a reader", async () => {
    await withSealed(async (dbPath) => {
      const owner = await openStore(optionsIn(dbPath));
      await expect(openStore(optionsIn(dbPath))).rejects.toMatchObject({ code: "locked", message: expect.stringContaining(`process ${process.pid}`) });
      const reader = await openStore({ ...optionsIn(dbPath), access: "read" });
      expect(reader.partition(ONE)!.declared().roots).toEqual(rootsFor(ONE, 8));
      await reader.close();
      await owner.close();
    });
  });

  test("refuses names that are no folder names", () => {
    for (const name of ["", ".", "..", "a/b", "a\\b", "a\0"]) {
      expect(() => storeFolder({ dbPath: "/x", walletName: "default", hotkeyName: name }), name).toThrow("no plain folder name");
    }
  });

  test("writes partition.json anew from the hashes files", async () => {
    await withSealed(async (dbPath, dir) => {
      await rm(join(dir, MANIFEST_NAME));
      await (await openStore(optionsIn(dbPath))).close();
      expect((await readManifest(dir)).map(({ validator, n_chunks }) => [validator, n_chunks]).sort()).toEqual([[ONE, 8], [TWO, 2]].sort());
    });
  });

  test("makes a partition again whose files were taken away, and only that one", async () => {
    await withSealed(async (dbPath, dir) => {
      for (const name of [`data-${ONE}`, `hashes-${ONE}`]) await rm(join(dir, name));
      const store = await openStore(optionsIn(dbPath));
      expect(store.problems()).toEqual([]);
      expect((await readManifest(dir)).map(({ validator }) => validator)).toEqual([TWO]);
      expect((await store.applyPlan(plan(8, 2))).created).toEqual([ONE]);
      expect(store.partition(TWO)!.declared().roots).toEqual(rootsFor(TWO, 2));
      await store.close();
    });
  });

  test("shows a reader an empty store where there is none", async () => {
    await withFolder(async (dbPath) => {
      const store = await openStore({ ...optionsIn(dbPath), access: "read" });
      expect(store.partitions()).toEqual([]);
      await store.close();
      expect(await readdir(dbPath)).toEqual([]);
    });
  });

  test("leaves a damaged partition.json alone and gives the folder back", async () => {
    await withSealed(async (dbPath, dir) => {
      await writeFile(join(dir, MANIFEST_NAME), "garbage");
      for (let i = 0; i < 2; i++) await expect(openStore(optionsIn(dbPath))).rejects.toMatchObject({ code: "corrupt" });
      expect(await readFile(join(dir, MANIFEST_NAME), "utf8")).toBe("garbage");
    });
  });

  const damages: [string, string, (dir: string) => unknown][] = [
    ["the data file is missing", "missing", (dir) => rm(join(dir, `data-${ONE}`))],
    ["the data file is short", "ends at byte 1000", (dir) => truncate(join(dir, `data-${ONE}`), 1000)],
    ["the hashes file is missing", "missing", (dir) => rm(join(dir, `hashes-${ONE}`))],
    ["the hashes file is garbage", "damaged", (dir) => writeFile(join(dir, `hashes-${ONE}`), "x".repeat(9999))],
    ["the hashes file was emptied", "schema version 0", (dir) => truncate(join(dir, `hashes-${ONE}`), 0)],
    ["the state row is gone", "holds no state", (dir) => alter(dir, "DELETE FROM state")],
    ["the chunk count is impossible", "records 9 chunks", (dir) => alter(dir, "UPDATE state SET chunk_count = 9")],
    ["a recorded unit lies outside the partition", "", (dir) => alter(dir, "INSERT INTO units VALUES (99999, x'00', x'00')")],
    ["a recorded sector lies outside the partition", "", (dir) => alter(dir, "INSERT INTO sectors VALUES (99999, 1, x'00')")],
    ["a sector's root is no digest", "", (dir) => alter(dir, "UPDATE sectors SET root = x'00'")],
  ];
  test.each(damages)("keeps the others working when %s, and begins anew when told", async (_, message, damage) => {
    await withSealed(async (dbPath, dir) => {
      await damage(dir);
      const store = await openStore(optionsIn(dbPath));
      expect(store.partition(TWO)!.declared().roots).toEqual(rootsFor(TWO, 2));
      if (message !== "") {
        expect(store.problems()).toMatchObject([{ validator: ONE, error: { code: "corrupt", message: expect.stringContaining(message) } }]);
        // Nothing is destroyed unasked.
        const before = await readdir(dir);
        await store.applyPlan(plan(8, 2));
        expect(await readdir(dir)).toEqual(before);
        expect((await readManifest(dir)).map(({ validator }) => validator).sort()).toEqual([ONE, TWO].sort());
      }
      await store.applyPlan(plan(8, 2), { restart: true });
      expect(store.problems()).toEqual([]);
      await fillPartitions(store.partitions(), pool, OPTIONS);
      expect(store.partition(ONE)!.declared().roots).toEqual(rootsFor(ONE, 8));
      await store.close();
    });
  });

  test("never mistakes a hashes file with a flipped bit: an error with a remedy, or found and put right", async () => {
    await withSealed(async (dbPath, dir) => {
      const path = join(dir, `hashes-${ONE}`);
      const good = await readFile(path);
      const outcomes = { refused: 0, opened: 0 };
      for (let seed = 0; seed < 60; seed++) {
        const bytes = Buffer.from(good);
        const place = (seed * 7919 + (seed * seed * 31) % 1009) % bytes.length;
        bytes[place]! ^= 1 << (seed % 8);
        await writeFile(path, bytes);
        try {
          const store = await openStore(optionsIn(dbPath));
          for (const { error } of store.problems()) expect(["corrupt", "usage", "disk"], `seed ${seed}: ${error.message}`).toContain(error.code);
          const partition = store.partition(ONE);
          outcomes[partition ? "opened" : "refused"]++;
          if (partition) {
            const code = await mend(partition).catch((error) => error.code);
            if (code !== "corrupt") expect(partition.declared().roots, `seed ${seed}, byte ${place}`).toEqual(rootsFor(ONE, 8));
          }
          await store.close();
        } finally {
          for (const suffix of ["-wal", "-shm"]) await rm(path + suffix, { force: true });
        }
      }
      expect(outcomes.refused).toBeGreaterThan(0);
      expect(outcomes.opened).toBeGreaterThan(0);
    });
  });

  test("does not touch a hashes file of a validator with the same peer", async () => {
    await withFolder(async (dbPath) => {
      const dir = storeFolder(optionsIn(dbPath));
      const store = await openStore(optionsIn(dbPath));
      openHashes(join(dir, hashesName(ONE)), { role: "validator", self: MINER, peer: ONE, netuid: 3, genesisHash: GENESIS }).close();
      for (const restart of [false, true]) {
        await store.applyPlan(plan(2, 2), { restart });
        expect(store.problems()).toMatchObject([{ validator: ONE, error: { code: "usage" } }]);
        expect(store.partitions().map(({ validator }) => validator)).toEqual([TWO]);
      }
      await store.close();
      const again = await openStore(optionsIn(dbPath));
      expect(again.partitions().map(({ validator }) => validator)).toEqual([TWO]);
      expect(again.problems()).toEqual([]);
      await again.close();
      openHashes(join(dir, hashesName(ONE)), { role: "validator", self: MINER, peer: ONE, netuid: 3, genesisHash: GENESIS }, "existing").close();
    });
  });
});

describe("Store.applyPlan()", () => {
  test("creates, resizes, removes and reports it", async () => {
    await withSealed(async (dbPath, dir) => {
      const store = await openStore(optionsIn(dbPath));
      expect(await store.applyPlan(plan(14, 0, 1))).toEqual({ created: [THREE], resized: [ONE], removed: [TWO], withdrawnSectors: 0 });
      expect(await store.applyPlan(plan(14, 0, 1))).toEqual({ created: [], resized: [], removed: [], withdrawnSectors: 0 });
      await fillPartitions(store.partitions(), pool, OPTIONS);
      expect(store.partition(ONE)!.declared().roots).toEqual(rootsFor(ONE, 14));
      expect((await store.applyPlan(plan(8, 0, 1))).withdrawnSectors).toBe(1);
      await store.close();
      expect((await readManifest(dir)).map(({ validator, n_chunks }) => [validator, n_chunks])).toEqual([[ONE, 8], [THREE, 1]]);
      expect((await readdir(dir)).filter((name) => name.includes(TWO))).toEqual([]);
    });
  });

  test("is completed after a kill while a partition is removed", async () => {
    for (const isDataGone of [false, true]) {
      await withSealed(async (dbPath, dir) => {
        const store = await openStore(optionsIn(dbPath));
        store.partition(ONE)!.records.setDropped();
        await store.close();
        if (isDataGone) await rm(join(dir, `data-${ONE}`));
        const again = await openStore(optionsIn(dbPath));
        expect(again.problems()).toEqual([]);
        expect(again.partitions().map(({ validator }) => validator)).toEqual([TWO]);
        expect((await readdir(dir)).filter((name) => name.includes(ONE))).toEqual([]);
        await again.close();
      });
    }
  });

  test("restarts with serials that go on", async () => {
    await withSealed(async (dbPath) => {
      const store = await openStore(optionsIn(dbPath));
      const partition = store.partition(ONE)!;
      const first = partition.nextSerial(5_000_000);
      expect([first, partition.nextSerial(5_000_000), partition.nextSerial(9_000_000)]).toEqual([5000, 5001, 9000]);
      await store.applyPlan(plan(8, 2), { restart: true });
      expect(partition.declared().roots).toEqual([]);
      expect(partition.nextSerial(1000)).toBe(9001);
      for (let serial = 1; serial <= 6; serial++) partition.saveDeclaration({ serial, bytes: Uint8Array.of(serial), createdMs: serial });
      await store.close();
      const again = await openStore(optionsIn(dbPath));
      expect(again.partition(ONE)!.declarations()).toEqual([6, 5, 4, 3].map((serial) => ({ serial, bytes: Uint8Array.of(serial), createdMs: serial })));
      await again.close();
    });
  });
});

async function mend(partition: Partition): Promise<void> {
  await scrubPartition(partition, { repair: pool });
  await fillPartitions([partition], pool, OPTIONS);
}

function alter(dir: string, sql: string): void {
  const database = new Database(join(dir, hashesName(ONE)), { readwrite: true });
  database.run(sql);
  database.close();
}
