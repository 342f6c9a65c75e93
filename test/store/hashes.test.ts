import { describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hashesName, openHashes, type HashesIdentity } from "../../lib/store/mod.ts";
import { GENESIS, MINER, VALIDATOR, address, withFolder } from "./fixture.ts";

const OURS: HashesIdentity = { role: "miner", self: MINER, peer: VALIDATOR, netuid: 3, genesisHash: GENESIS };

function failureOf(action: () => unknown): { code: string; message: string } {
  try {
    action();
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error("nothing was thrown");
}

describe("openHashes()", () => {
  test("opens again what it made, for the same identity only", async () => {
    await withFolder(async (dir) => {
      const path = join(dir, hashesName(VALIDATOR));
      openHashes(path, OURS).close();
      for (const mode of ["create", "existing", "read"] as const) openHashes(path, OURS, mode).close();
      const others: Partial<HashesIdentity>[] = [{ role: "validator" }, { self: address("E") }, { peer: address("E") }, { netuid: 4 }, { genesisHash: new Uint8Array(32) }];
      for (const other of others) {
        const failure = failureOf(() => openHashes(path, { ...OURS, ...other }));
        expect(failure.code, JSON.stringify(other)).toBe("usage");
        expect(failure.message).toContain("--db_path");
      }
    });
  });

  test("commits to disk, through a write-ahead log", async () => {
    await withFolder(async (dir) => {
      const database = openHashes(join(dir, hashesName(VALIDATOR)), OURS);
      expect(database.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
      expect(database.query("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
      database.close();
    });
  });

  test("refuses a missing file, garbage and an unknown version, with the remedy", async () => {
    await withFolder(async (dir) => {
      const path = join(dir, hashesName(VALIDATOR));
      expect(failureOf(() => openHashes(path, OURS, "existing"))).toMatchObject({ code: "corrupt", message: expect.stringContaining("btstore alloc") });
      await writeFile(path, "garbage ".repeat(1000));
      expect(failureOf(() => openHashes(path, OURS))).toMatchObject({ code: "corrupt", message: expect.stringContaining("btstore alloc") });
      await writeFile(path, "");
      const database = openHashes(path, OURS);
      database.run("PRAGMA user_version = 99");
      database.close();
      expect(failureOf(() => openHashes(path, OURS))).toMatchObject({ code: "corrupt", message: expect.stringContaining("schema version 99") });
    });
  });

  test("does not replay a removed file's write-ahead log into a new one", async () => {
    await withFolder(async (dir) => {
      const path = join(dir, hashesName(VALIDATOR));
      await writeFile(`${path}-wal`, "left over");
      openHashes(path, OURS).close();
      openHashes(path, OURS, "existing").close();
    });
  });
});
