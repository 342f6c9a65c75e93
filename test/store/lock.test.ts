import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { BtstoreError } from "../../lib/core/mod.ts";
import { folderHolder, lockFolder } from "../../lib/store/mod.ts";
import { withFolder } from "./fixture.ts";

/** Starts a process that takes the lock and keeps it. */
async function holder(dir: string) {
  const source = `import { lockFolder } from ${JSON.stringify(join(import.meta.dir, "../../lib/store/mod.ts"))};
    await lockFolder(${JSON.stringify(dir)}, "miner"); console.log("held"); setInterval(() => {}, 1e6);`;
  const child = Bun.spawn([process.execPath, "-e", source], { stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("held\n");
  return child;
}

describe("lockFolder()", () => {
  test("refuses a second holder with the pid of the first, and is free once that was killed", async () => {
    await withFolder(async (dir) => {
      const child = await holder(dir);
      const failure = await lockFolder(dir, "miner").catch((error) => error);
      expect(failure).toBeInstanceOf(BtstoreError);
      expect(failure.code).toBe("locked");
      expect(failure.message).toBe(`Cannot open the store at "${dir}": process ${child.pid} holds the miner lock`);
      child.kill("SIGKILL");
      await child.exited;
      await (await lockFolder(dir, "miner")).release();
    });
  });

  test("excludes within one process too, outlives garbage collection, and different words do not exclude each other", async () => {
    await withFolder(async (dir) => {
      const lock = await lockFolder(dir, "miner");
      Bun.gc(true);
      await expect(lockFolder(dir, "miner")).rejects.toThrow(`process ${process.pid} holds`);
      await (await lockFolder(dir, "validator")).release();
      await lock.release();
      await lock.release();
      await (await lockFolder(dir, "miner")).release();
    });
  });

  test("says what is wrong where there is no folder", async () => {
    await withFolder(async (dir) => {
      const failure = await lockFolder(join(dir, "none"), "miner").catch((error) => error);
      expect(failure.code).toBe("disk");
    });
  });
});

describe("folderHolder()", () => {
  test("names who holds a lock, and nobody once that is gone, whatever pid it left behind", async () => {
    await withFolder(async (dir) => {
      expect(await folderHolder(dir, "miner")).toBeNull();
      const child = await holder(dir);
      expect(await folderHolder(dir, "miner")).toEqual({ pid: child.pid });
      expect(await folderHolder(dir, "validator")).toBeNull();
      child.kill("SIGKILL");
      await child.exited;
      expect(await folderHolder(dir, "miner")).toBeNull();
    });
  });
});
