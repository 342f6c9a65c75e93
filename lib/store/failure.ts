/**
 * What disks and SQLite say, as the project's errors. The only place that knows system and SQLite codes, so that every
 * path through the room tells a full disk from a broken one.
 */
import { BtstoreError, describeError, hasSystemCode } from "../core/mod.ts";

/** How to go on with one partition that cannot be saved; the others of the folder are not touched by it. */
export const RESEAL_REMEDY = 'move its data and hashes files away and run "btstore alloc" again, which seals it anew';

/**
 * Turns whatever a file or SQLite call threw into a BtstoreError; one that already is stays as it is.
 *
 * @param action What was being done, for the message: `Cannot ${action}: …`.
 * @returns Code `disk_full`, `corrupt`, `locked` or `disk`.
 */
export function storeFailure(action: string, error: unknown): BtstoreError {
  if (error instanceof BtstoreError) return error;
  const cause = { cause: error };
  if (hasSystemCode(error, "ENOSPC", "EDQUOT", "SQLITE_FULL")) {
    return new BtstoreError("disk_full", `Cannot ${action}: the disk is full; free some space or lower --threshold, then run the same command again`, cause);
  }
  if (hasSqliteCode(error, "SQLITE_CORRUPT", "SQLITE_NOTADB")) {
    return new BtstoreError("corrupt", `Cannot ${action}: the hashes file is damaged; ${RESEAL_REMEDY}`, cause);
  }
  if (hasSqliteCode(error, "SQLITE_BUSY", "SQLITE_LOCKED")) {
    return new BtstoreError("locked", `Cannot ${action}: another process is writing to the same hashes file`, cause);
  }
  return new BtstoreError("disk", `Cannot ${action}: ${describeError(error)}`, cause);
}

/** SQLite's extended codes start with the primary one: `SQLITE_CORRUPT_INDEX`. */
function hasSqliteCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.some((code) => String(error.code).startsWith(code));
}
