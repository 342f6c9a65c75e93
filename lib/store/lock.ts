/**
 * One process per role and folder, by a lock that the kernel drops when its holder dies, however it dies.
 *
 * The lock is SQLite's own exclusive lock on an empty database (a POSIX record lock, taken through SQLite because Bun
 * offers none itself). It needs no clean-up, cannot be mistaken after a reboot or a reused pid, and is not inherited by
 * children. The pid beside it is only for the message.
 */
import { Database } from "bun:sqlite";
import { access, constants, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BtstoreError, describeError, systemClock } from "../core/mod.ts";
import { storeFailure } from "./failure.ts";

export type FolderLock = {
  /** Gives the folder back. Safe to call twice. */
  release(): Promise<void>;
};

/** Who holds a lock; without its pid where that could not be written. */
export type FolderHolder = { readonly pid: number | null };

/** Held locks. A collected Database closes itself, and with it the lock would be gone. */
const held = new Set<Database>();

/** How often a held lock is tried again, in milliseconds. */
const RETRY_MS = 10;

/** Longest wait for somebody who only looks at the lock (`folderHolder`), in milliseconds. */
const LOOK_MS = 30;

/**
 * Takes a folder's lock.
 *
 * @param dir An existing folder.
 * @param what What is locked, a word for file name and message: `miner`, `validator`, `manifest`. Different words do not exclude each other.
 * @param waitMs How long to wait for another holder, in milliseconds.
 * @throws {BtstoreError} `locked`, naming the pid that holds it; `disk` if the file cannot be made.
 */
export async function lockFolder(dir: string, what: string, waitMs = LOOK_MS): Promise<FolderLock> {
  const pidPath = join(dir, `.${what}.pid`);
  try {
    // SQLite would take a lock in a folder it may only read, or say no more than that it cannot open a file.
    await access(dir, constants.W_OK);
  } catch (error) {
    throw new BtstoreError("disk", `Cannot write to the folder "${dir}": ${describeError(error)}; choose another with --db_path, or give this one to the user who runs btstore`, { cause: error });
  }
  let taken = tryLock(dir, what);
  for (let waited = 0; !taken && waited < waitMs; waited += RETRY_MS) {
    await systemClock.sleep(RETRY_MS);
    taken = tryLock(dir, what);
  }
  if (!taken) {
    const pid = await readPid(pidPath);
    throw new BtstoreError("locked", `Cannot open the store at "${dir}": ${pid ? `process ${pid}` : "another process"} holds the ${what} lock`);
  }
  const lock = taken;
  const release = async () => {
    if (!held.has(lock)) return;
    await rm(pidPath, { force: true }).catch(() => {});
    close(lock);
  };
  // On a full disk the lock holds all the same; only the message of the next one lacks the pid.
  await writeFile(pidPath, `${process.pid}\n`).catch(() => {});
  return { release };
}

/**
 * Whether somebody holds a folder's lock, told without taking it.
 *
 * @param what As for `lockFolder`.
 * @returns null if nobody does.
 */
export async function folderHolder(dir: string, what: string): Promise<FolderHolder | null> {
  let database: Database | undefined;
  try {
    database = new Database(join(dir, `.${what}.lock`), { readonly: true });
    // A reader is refused while the lock is held, and reads for less than a millisecond otherwise.
    database.query("SELECT 1 FROM sqlite_schema").get();
    return null;
  } catch (error) {
    return storeFailure(`look at the lock of "${dir}"`, error).code === "locked" ? { pid: await readPid(join(dir, `.${what}.pid`)) } : null;
  } finally {
    database?.close();
  }
}

async function readPid(path: string): Promise<number | null> {
  const text = await readFile(path, "utf8").then((text) => /^(\d{1,10})\n$/.exec(text)?.[1], () => undefined);
  return text === undefined ? null : Number(text);
}

/** The lock, or null if it is held. */
function tryLock(dir: string, what: string): Database | null {
  let database: Database | undefined;
  try {
    database = new Database(join(dir, `.${what}.lock`), { create: true });
    database.run("BEGIN EXCLUSIVE");
    held.add(database);
    return database;
  } catch (error) {
    if (database) close(database);
    const failure = storeFailure(`lock the folder "${dir}"`, error);
    if (failure.code !== "locked") throw failure;
    return null;
  }
}

function close(database: Database): void {
  held.delete(database);
  database.close();
}
