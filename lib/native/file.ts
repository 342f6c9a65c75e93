/** What only the kernel can do to a file: reserve its space, and let go of what it keeps of it in memory. */
import { closeSync, openSync } from "node:fs";
import { BtstoreError, assertInteger, describeError } from "../core/mod.ts";
import { STATUS, check, native } from "./library.ts";

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

/**
 * Reserves disk space for the first `size` bytes of a file, which becomes at least that long. What is in it stays.
 *
 * @param file Descriptor, open for writing.
 * @param size Bytes, 1 to 2^60.
 * @returns False where the file system cannot; the file is then as it was.
 * @throws {BtstoreError} `disk_full`, perhaps with a part reserved, or `disk`.
 */
export function preallocate(file: number, size: number): boolean {
  assertInteger(size, 1, Number.MAX_SAFE_INTEGER, "size");
  const status = native().bts_preallocate(file, size);
  if (status === STATUS.unsupported) return false;
  check(status, "reserve disk space");
  return true;
}
