/**
 * The hashes file: one SQLite database per pair, `hashes-<peer>`, and whose it is.
 *
 * It records role, both hotkeys, subnet and chain when it is made, and refuses to be anything else later: a miner's
 * checkpoints and a validator's ledger never mix. What else it holds is the tables of `records.ts` (miner) or of the
 * audit ledger (validator).
 */
import { Database } from "bun:sqlite";
import { existsSync, rmSync } from "node:fs";
import { BtstoreError, fromHex, toHex, type Ss58 } from "../core/mod.ts";
import { RESEAL_REMEDY, storeFailure } from "./failure.ts";

export type HashesRole = "miner" | "validator";

/** Whose a hashes file is. */
export type HashesIdentity = {
  readonly role: HashesRole;
  /** Our hotkey. */
  readonly self: Ss58;
  /** The other side's hotkey. */
  readonly peer: Ss58;
  readonly netuid: number;
  /** 32 bytes. */
  readonly genesisHash: Uint8Array;
};

export type OpenMode =
  /** Make it if it is missing. */
  | "create"
  /** It must be there. */
  | "existing"
  /** It must be there and is not written to; other processes may be writing. */
  | "read";

/** Version of the tables here; the files of an unknown one are left alone. */
const SCHEMA_VERSION = 1;

/** How long a statement waits for another process's write, in milliseconds. */
const BUSY_MS = 5000;

type IdentityRow = { role: string; self: string; peer: string; netuid: number; genesis: string };

/** The file's name in its folder. */
export function hashesName(peer: Ss58): string {
  return `hashes-${peer}`;
}

/**
 * Opens a hashes file: WAL, every commit on disk when it returns.
 *
 * @throws {BtstoreError} `usage` if the file is of another role, pair or chain; `corrupt` if it is missing, damaged or of
 *   an unknown version; `disk` if it cannot be opened.
 */
export function openHashes(path: string, identity: HashesIdentity, mode: OpenMode = "create"): Database {
  const isMissing = !existsSync(path);
  if (isMissing && mode !== "create") {
    throw new BtstoreError("corrupt", `Cannot open "${path}": the hashes file is missing; put it back, or ${RESEAL_REMEDY}`);
  }
  // A write-ahead log without its database is left over from a removed one and would be replayed into the new one.
  if (isMissing) for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
  let database: Database | undefined;
  try {
    database = mode === "read" ? new Database(path, { readonly: true }) : new Database(path, { create: mode === "create", readwrite: true });
    database.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    if (mode !== "read") {
      database.run("PRAGMA journal_mode = WAL");
      database.run("PRAGMA synchronous = FULL");
    }
    claim(database, identity, mode, path);
    return database;
  } catch (error) {
    database?.close();
    throw storeFailure(`open "${path}"`, error);
  }
}

/** Whose a hashes file is, by itself; null if it cannot be told. Changes nothing. */
export function hashesIdentity(path: string): HashesIdentity | null {
  try {
    return readHashes(path, (_, identity) => identity);
  } catch {
    return null;
  }
}

/**
 * Looks into a hashes file, whosever it is, beside the process that has it. Changes nothing.
 *
 * @param read Gets the database, read-only and closed afterwards, and whose it is.
 * @returns What `read` returns; null if the file does not say whose it is.
 * @throws {BtstoreError} `corrupt`, `disk`.
 */
export function readHashes<Result>(path: string, read: (database: Database, identity: HashesIdentity) => Result): Result | null {
  let database: Database | undefined;
  try {
    database = new Database(path, { readonly: true });
    database.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    const row = database.query<IdentityRow, []>("SELECT * FROM identity").get();
    if (!row || (row.role !== "miner" && row.role !== "validator")) return null;
    return read(database, { role: row.role, self: row.self as Ss58, peer: row.peer as Ss58, netuid: row.netuid, genesisHash: fromHex(row.genesis) });
  } catch (error) {
    throw storeFailure(`read "${path}"`, error);
  } finally {
    database?.close();
  }
}

/** Removes a closed hashes file with all that belongs to it. */
export function removeHashes(path: string): void {
  for (const suffix of ["-wal", "-shm", ""]) rmSync(path + suffix, { force: true });
}

function claim(database: Database, identity: HashesIdentity, mode: OpenMode, path: string): void {
  const wanted: IdentityRow = {
    role: identity.role,
    self: identity.self,
    peer: identity.peer,
    netuid: identity.netuid,
    genesis: toHex(identity.genesisHash),
  };
  const version = schemaVersion(database);
  if (version === 0 && mode === "create") {
    database.transaction(() => {
      if (schemaVersion(database) !== 0) return;
      database.run("CREATE TABLE identity (role TEXT NOT NULL, self TEXT NOT NULL, peer TEXT NOT NULL, netuid INTEGER NOT NULL, genesis TEXT NOT NULL) STRICT");
      database.query("INSERT INTO identity VALUES (?, ?, ?, ?, ?)").run(wanted.role, wanted.self, wanted.peer, wanted.netuid, wanted.genesis);
      database.run(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    }).immediate();
  } else if (version !== SCHEMA_VERSION) {
    throw new BtstoreError("corrupt", `Cannot open "${path}": schema version ${version}, this btstore knows ${SCHEMA_VERSION}; use the btstore that made it, or move the file away`);
  }
  const found = database.query<IdentityRow, []>("SELECT * FROM identity").get();
  if (!found) throw new BtstoreError("corrupt", `Cannot open "${path}": it does not say whose it is; ${RESEAL_REMEDY}`);
  for (const field of ["role", "self", "peer", "netuid", "genesis"] as const) {
    if (found[field] === wanted[field]) continue;
    throw new BtstoreError("usage", `Cannot open "${path}": its ${field} is "${found[field]}", not "${wanted[field]}"; use another --db_path for this one`);
  }
}

function schemaVersion(database: Database): number {
  return database.query<{ user_version: number }, []>("PRAGMA user_version").get()!.user_version;
}
