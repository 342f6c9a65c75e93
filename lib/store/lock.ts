/**
 * One process per role and folder, by a lock that the kernel drops when its holder dies, however it dies.
 *
 * The lock is SQLite's own exclusive lock on an empty database (a POSIX record lock, taken through SQLite because Bun
 * offers none itself). It needs no clean-up, cannot be mistaken after a reboot or a reused pid, and is not inherited by
 * children. The pid beside it is only for the message.
 */
import { Database } from "bun:sqlite";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BtstoreError } from "../core/mod.ts";
import { storeFailure } from "./failure.ts";

export type FolderLock = {
  /** Gives the folder back. Safe to call twice. */
  release(): Promise<void>;
};

/** Held locks. A collected Database closes itself, and with it the lock would be gone. */
const held = new Set<Database>();

/**
 * Takes a folder's lock.
 *
 * @param dir An existing folder.
 * @param what What is locked, a word for file name and message: `miner`, `validator`, `manifest`. Different words do not exclude each other.
 * @param waitMs How long to wait for another holder, in milliseconds.
 * @throws {BtstoreError} `locked`, naming the pid that holds it; `disk` if the file cannot be made.
 */
export async function lockFolder(dir: string, what: string, waitMs = 0): Promise<FolderLock> {
  const pidPath = join(dir, `.${what}.pid`);
  let database: Database | undefined;
  try {
    database = new Database(join(dir, `.${what}.lock`), { create: true });
    database.run(`PRAGMA busy_timeout = ${Math.trunc(waitMs)}`);
    database.run("BEGIN EXCLUSIVE");
    held.add(database);
    await writeFile(pidPath, `${process.pid}\n`);
  } catch (error) {
    if (database) close(database);
    const failure = storeFailure(`lock the folder "${dir}"`, error);
    if (failure.code !== "locked") throw failure;
    const pid = await readFile(pidPath, "utf8").then((text) => /^(\d{1,10})\n$/.exec(text)?.[1], () => undefined);
    throw new BtstoreError("locked", `Cannot open the store at "${dir}": ${pid ? `process ${pid}` : "another process"} holds the ${what} lock`, { cause: error });
  }
  const taken = database;
  return {
    async release() {
      if (!held.has(taken)) return;
      await rm(pidPath, { force: true }).catch(() => {});
      close(taken);
    },
  };
}

function close(database: Database): void {
  held.delete(database);
  database.close();
}
