import { describe, expect, test } from "bun:test";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BtstoreError } from "../../lib/core/mod.ts";
import { MANIFEST_NAME, manifestEntry, readManifest, updateManifest, writeManifest, type ManifestEntry } from "../../lib/store/mod.ts";
import { MINER, VALIDATOR, address, withFolder } from "./fixture.ts";

const entry = (dir: string): ManifestEntry => manifestEntry({ dir, owner: MINER, validator: VALIDATOR, chunkCount: 4128, netuid: 3 });

describe("writeManifest()", () => {
  test("writes the documented fields first and in their order", async () => {
    await withFolder(async (dir) => {
      const scrambled = Object.fromEntries(Object.entries({ ...entry(dir), extra: 1 }).reverse()) as unknown as ManifestEntry;
      await writeManifest(dir, [scrambled]);
      const [written] = JSON.parse(await readFile(join(dir, MANIFEST_NAME), "utf8"));
      expect(Object.keys(written)).toEqual(["path", "owner", "validator", "size", "n_chunks", "seed", "netuid", "chunk_size", "sectors", "seal", "updated_at"]);
      expect(written).toMatchObject({ path: dir, size: 4128 * 2 ** 20, n_chunks: 4128, seed: MINER + VALIDATOR, chunk_size: 1048576, sectors: 2, seal: "btstore1" });
      expect(await readManifest(dir)).toEqual([entry(dir)].map((one) => ({ ...one, updated_at: written.updated_at })));
      expect(await readdir(dir)).toEqual([MANIFEST_NAME]);
    });
  });
});

describe("readManifest()", () => {
  test("gives no entries where there is no file", async () => {
    await withFolder(async (dir) => expect(await readManifest(dir)).toEqual([]));
  });

  const good = JSON.stringify([entry("/x")]);
  const bad: [string, string][] = [
    ["empty", ""],
    ["cut off", good.slice(0, -5)],
    ["an object", "{}"],
    ["null", "[null]"],
    ["no fields", "[{}]"],
    ["binary", "\0\xff\x1b[2J"],
    ["a size that is no number", good.replace(/"size":\d+/, '"size":"1"')],
    ["a size beyond 2^53", good.replace(/"size":\d+/, '"size":1e300')],
    ["a negative count", good.replace(/"n_chunks":\d+/, '"n_chunks":-1')],
    ["a netuid beyond 16 bits", good.replace(/"netuid":\d+/, '"netuid":65536')],
    ["an address that is a path", good.replaceAll(VALIDATOR, "../../../../../../../../../../../../../../etc/pass")],
  ];
  test.each(bad)("refuses %s, says how to go on, and nothing overwrites it", async (_, text) => {
    await withFolder(async (dir) => {
      await writeFile(join(dir, MANIFEST_NAME), text);
      const failure = await readManifest(dir).catch((error) => error);
      expect(failure).toBeInstanceOf(BtstoreError);
      expect(failure.code).toBe("corrupt");
      expect(failure.message).toContain("move it away");
      await expect(updateManifest(dir, () => [])).rejects.toThrow("move it away");
      expect(await readFile(join(dir, MANIFEST_NAME), "utf8")).toBe(text);
    });
  });
});

describe("updateManifest()", () => {
  test("loses no entry of another writer at the same time", async () => {
    await withFolder(async (dir) => {
      const names = [1, 2, 3, 4, 5].map((i) => address(`V${i}x`));
      await Promise.all(names.map((validator) => updateManifest(dir, (entries) => [...entries, { ...entry(dir), validator }])));
      expect((await readManifest(dir)).map(({ validator }) => validator).sort()).toEqual(names);
    });
  });
});
