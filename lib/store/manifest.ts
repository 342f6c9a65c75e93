/**
 * partition.json: every allocation of a folder, for people, scripts and the prototype's tools (DESIGN section 3).
 *
 * The documented fields come first and in their order. It is a summary, the hashes files are the record: a miner whose
 * partition.json is missing writes it again from them. Whole at every instant: temporary file, fsync, rename, fsync of
 * the folder. A file that cannot be understood is an error, never overwritten.
 */
import { open, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { BtstoreError, describeError, hasSystemCode, type Ss58 } from "../core/mod.ts";
import { storeFailure } from "./failure.ts";
import { lockFolder } from "./lock.ts";

export const MANIFEST_NAME = "partition.json";

/** One allocation, named as in the file. */
export type ManifestEntry = {
  /** Folder of the data file. */
  readonly path: string;
  /** The miner whose disk it is. */
  readonly owner: Ss58;
  readonly validator: Ss58;
  /** Bytes. */
  readonly size: number;
  readonly n_chunks: number;
  /** owner ‖ validator. */
  readonly seed: string;
  readonly netuid: number;
  /** Bytes. */
  readonly chunk_size: number;
  readonly sectors: number;
  /** Name of the seal profile. */
  readonly seal: string;
  /** UTC, ISO 8601. */
  readonly updated_at: string;
};

/** Field order of the file, and what each must look like. An address's checksum is checked where the address is used. */
const FIELDS: { readonly [name in keyof ManifestEntry]: (value: unknown) => boolean } = {
  path: isText(4096),
  owner: isAddress,
  validator: isAddress,
  size: isCount,
  n_chunks: isCount,
  seed: isText(128),
  netuid: (value) => isCount(value) && (value as number) <= 0xffff,
  chunk_size: isCount,
  sectors: isCount,
  seal: isText(64),
  updated_at: isText(64),
};

/** 65,536 allocations take about 30 MB; a larger file is not ours. */
const MANIFEST_BYTES_MAX = 64 * 2 ** 20;

/** How long to wait for another role of the same folder to finish its update, in milliseconds. */
const UPDATE_WAIT_MS = 5000;

/**
 * Reads a folder's partition.json.
 *
 * @returns The entries in file order; empty if there is no file.
 * @throws {BtstoreError} `corrupt` with the remedy if the file is not one of ours; `disk` if it cannot be read.
 */
export async function readManifest(dir: string): Promise<ManifestEntry[]> {
  const path = join(dir, MANIFEST_NAME);
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > MANIFEST_BYTES_MAX) throw damaged(path, `it has ${size} bytes, at most ${MANIFEST_BYTES_MAX} were expected`);
    text = await readFile(path, "utf8");
  } catch (error) {
    if (hasSystemCode(error, "ENOENT")) return [];
    throw storeFailure(`read "${path}"`, error);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw damaged(path, `it is no JSON (${describeError(error)})`);
  }
  if (!Array.isArray(parsed)) throw damaged(path, "it is no JSON array");
  return parsed.map((value, index) => parseEntry(value, index, path));
}

/**
 * Replaces a folder's partition.json.
 *
 * @throws {BtstoreError} `disk` or `disk_full`; the old file then still stands.
 */
export async function writeManifest(dir: string, entries: readonly ManifestEntry[]): Promise<void> {
  const path = join(dir, MANIFEST_NAME);
  const temporary = `${path}.new`;
  const text = `${JSON.stringify(entries.map(inOrder), null, 2)}\n`;
  try {
    const file = await open(temporary, "w", 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dir);
  } catch (error) {
    throw storeFailure(`write "${path}"`, error);
  }
}

/**
 * Reads, changes and replaces partition.json with no other process between: a folder may have a miner and a validator.
 *
 * @param change Gets the entries and returns the new ones.
 */
export async function updateManifest(dir: string, change: (entries: ManifestEntry[]) => readonly ManifestEntry[]): Promise<void> {
  const lock = await lockFolder(dir, "manifest", UPDATE_WAIT_MS);
  try {
    const before = await readManifest(dir);
    const after = change(before);
    // Nothing to write is nothing that a full disk could refuse.
    if (JSON.stringify(after.map(inOrder)) !== JSON.stringify(before)) await writeManifest(dir, after);
  } finally {
    await lock.release();
  }
}

/** Makes names created, renamed or removed in a folder durable. */
export async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function parseEntry(value: unknown, index: number, path: string): ManifestEntry {
  if (typeof value !== "object" || value === null) throw damaged(path, `entry ${index} is no object`);
  const entry = value as Record<string, unknown>;
  for (const [name, isValid] of Object.entries(FIELDS)) {
    if (!isValid(entry[name])) throw damaged(path, `entry ${index} has no valid "${name}"`);
  }
  return inOrder(value as ManifestEntry);
}

function inOrder(entry: ManifestEntry): ManifestEntry {
  return Object.fromEntries(Object.keys(FIELDS).map((name) => [name, entry[name as keyof ManifestEntry]])) as ManifestEntry;
}

function damaged(path: string, what: string): BtstoreError {
  return new BtstoreError("corrupt", `Cannot use "${path}": ${what}; move it away and run the command again, it is written anew from the hashes files`);
}

function isText(lengthMax: number): (value: unknown) => boolean {
  return (value) => typeof value === "string" && value.length > 0 && value.length <= lengthMax;
}

function isAddress(value: unknown): boolean {
  return typeof value === "string" && /^[1-9A-HJ-NP-Za-km-z]{48}$/.test(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
