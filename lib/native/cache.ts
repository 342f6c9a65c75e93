/** The kernel's page cache, out of the way when a disk is measured. */
import { closeSync, openSync } from "node:fs";
import { BtstoreError, describeError } from "../core/mod.ts";
import { check, native } from "./library.ts";

/**
 * Drops a file's pages from the page cache, so that the next reads come from the disk. Bytes not yet synced stay cached; so
 * does everything on a file system that lives in memory.
 *
 * @throws {BtstoreError} `disk` if the file cannot be opened or the system refuses.
 */
export function dropFileCache(path: string): void {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    throw new BtstoreError("disk", `Cannot open "${path}": ${describeError(cause)}`, { cause });
  }
  try {
    check(native().bts_drop_file_cache(file), `drop the cache of "${path}"`);
  } finally {
    closeSync(file);
  }
}
