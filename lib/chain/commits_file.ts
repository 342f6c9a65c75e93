/**
 * Hash commits that are not revealed yet, on disk: `commits-<netuid>-<hotkey>.json`. The salt is nowhere else, so a commit
 * is written here before it is sent, whole at every instant (temporary file, fsync, rename).
 */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { BtstoreError, describeError, hasSystemCode, type Ss58, toHex } from "../core/mod.ts";

/** One commit that waits. */
export type PendingCommit = {
  /** What the chain was given, 32 bytes in hex. */
  readonly hash: string;
  readonly uids: readonly number[];
  readonly values: readonly number[];
  /** u16 each. */
  readonly salt: readonly number[];
  readonly versionKey: number;
  /** First block at which it may be revealed, as foreseen when it was made. */
  readonly revealBlock: number;
};

/** The chain lets no more of one hotkey wait (`TooManyUnrevealedCommits`). */
export const PENDING_COMMITS_MAX = 10;

/** Where a hotkey's commits of a chain's subnet are kept. */
export type CommitsPlace = { readonly folder: string; readonly genesisHash: Uint8Array; readonly netuid: number; readonly hotkey: Ss58 };

const pathOf = ({ folder, netuid, hotkey }: CommitsPlace) => join(folder, `commits-${netuid}-${hotkey}.json`);

/**
 * Reads what waits; empty if there is no file, or it is about another chain.
 *
 * @throws {BtstoreError} `disk` if it cannot be read, `corrupt` if it is not one of ours.
 */
export async function readCommits(place: CommitsPlace): Promise<PendingCommit[]> {
  const path = pathOf(place);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (hasSystemCode(error, "ENOENT")) return [];
    throw new BtstoreError("disk", `Cannot read "${path}": ${describeError(error)}`, { cause: error });
  }
  try {
    const { genesisHash, commits } = JSON.parse(text) as { genesisHash: unknown; commits: unknown };
    if (!Array.isArray(commits) || !commits.every(isCommit)) throw new RangeError("an entry is malformed");
    return genesisHash === toHex(place.genesisHash) ? commits : [];
  } catch (error) {
    throw new BtstoreError("corrupt", `Cannot understand "${path}" (${describeError(error)}): it holds the salts of weights to reveal; move it away, and those weights are lost`, { cause: error });
  }
}

/**
 * Replaces what waits.
 *
 * @throws {BtstoreError} `disk` or `disk_full`; the old file then still stands.
 */
export async function writeCommits(place: CommitsPlace, commits: readonly PendingCommit[]): Promise<void> {
  const path = pathOf(place);
  try {
    await mkdir(place.folder, { recursive: true });
    const file = await open(`${path}.new`, "w", 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ genesisHash: toHex(place.genesisHash), commits: commits.slice(-PENDING_COMMITS_MAX) })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
  } catch (error) {
    throw new BtstoreError(hasSystemCode(error, "ENOSPC", "EDQUOT") ? "disk_full" : "disk", `Cannot write "${path}": ${describeError(error)}`, { cause: error });
  }
}

function isCommit(value: unknown): value is PendingCommit {
  if (typeof value !== "object" || value === null) return false;
  const { hash, uids, values, salt, versionKey, revealBlock } = value as Record<string, unknown>;
  const isCount = (number: unknown) => Number.isSafeInteger(number) && (number as number) >= 0;
  const isU16s = (list: unknown) => Array.isArray(list) && list.every((item) => isCount(item) && item <= 0xffff);
  return typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash) && isU16s(uids) && isU16s(values) && isU16s(salt) && isCount(versionKey) && isCount(revealBlock);
}
