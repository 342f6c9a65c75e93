/**
 * Key files on disk: read with a bound, written so that a crash leaves the old file or the new one and never a piece,
 * readable by their owner only, never over an existing one unless told.
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { BtstoreError, describeError, hasSystemCode } from "../core/mod.ts";
import { KEYFILE_BYTES_MAX } from "./keyfile.ts";

/**
 * Reads a whole key file.
 *
 * @returns null if there is no such file.
 * @throws {BtstoreError} `wallet` if it cannot be read or is larger than any key file.
 */
export async function readKeyBytes(path: string, action: string): Promise<Uint8Array | null> {
  try {
    await using file = await open(path, "r");
    const buffer = new Uint8Array(KEYFILE_BYTES_MAX + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length > KEYFILE_BYTES_MAX) throw new BtstoreError("wallet", `${action}: "${path}" is larger than any key file`);
    return buffer.slice(0, length);
  } catch (error) {
    if (error instanceof BtstoreError) throw error;
    if (hasSystemCode(error, "ENOENT", "ENOTDIR")) return null;
    throw new BtstoreError("wallet", `${action}: cannot read "${path}" (${describeError(error)})`, { cause: error });
  }
}

/**
 * Writes a key file with mode 0600: to a temporary file, synced, then put in place in one step.
 *
 * @param overwrite Whether an existing file may be replaced; otherwise it is left alone, even if it appears meanwhile.
 * @throws {BtstoreError} `wallet` if the file exists or cannot be written.
 */
export async function writeKeyBytes(path: string, bytes: Uint8Array, action: string, overwrite: boolean): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    try {
      await using file = await open(temporary, "wx", 0o600);
      await file.writeFile(bytes);
      await file.sync();
      // A hard link fails where a file exists; a rename would replace it.
      if (overwrite) await rename(temporary, path);
      else await link(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
    await using folder = await open(dirname(path), "r");
    await folder.sync();
  } catch (error) {
    if (hasSystemCode(error, "EEXIST")) throw new BtstoreError("wallet", `${action}: "${path}" exists and is not overwritten`);
    throw new BtstoreError("wallet", `${action}: cannot write "${path}" (${describeError(error)})`, { cause: error });
  }
}
