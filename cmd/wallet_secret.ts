/** Reads the words or the seed of a key that exists: from a file, from stdin, or typed without being shown. */
import { open } from "node:fs/promises";
import { BtstoreError, describeError } from "../lib/core/mod.ts";
import { canAsk, readSecret } from "./prompt.ts";
import type { Screen } from "./screen.ts";

/** 24 words have under 300 characters. */
const SECRET_BYTES_MAX = 4096;

/**
 * Reads a secret's text.
 *
 * @param path `--mnemonic_file`; null for stdin or the person.
 * @throws {BtstoreError} "usage" if there is none, if it is too long, or if the file cannot be read.
 */
export async function readKeyText(path: string | null, { screen, signal }: { readonly screen: Screen; readonly signal: AbortSignal }): Promise<string> {
  const text = path !== null ? await readFileText(path) : canAsk() ? await readSecret(screen, "Words or seed of the key", "--mnemonic_file", signal) : await readStdin(signal);
  if (text.trim() === "") throw new BtstoreError("usage", "Cannot make the key again: no words were given; type them, pipe them into stdin, or name a --mnemonic_file");
  return text;
}

async function readFileText(path: string): Promise<string> {
  try {
    await using file = await open(path, "r");
    const buffer = new Uint8Array(SECRET_BYTES_MAX + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    return bounded(buffer.subarray(0, bytesRead));
  } catch (error) {
    if (error instanceof BtstoreError) throw error;
    throw new BtstoreError("usage", `Cannot read the words: cannot read "${path}" (${describeError(error)})`);
  }
}

async function readStdin(signal: AbortSignal): Promise<string> {
  const onAbort = () => process.stdin.destroy(signal.reason as Error);
  signal.addEventListener("abort", onAbort);
  try {
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of process.stdin) {
      parts.push(part as Uint8Array);
      length += (part as Uint8Array).length;
      if (length > SECRET_BYTES_MAX) break;
    }
    return bounded(Buffer.concat(parts));
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function bounded(bytes: Uint8Array): string {
  if (bytes.length > SECRET_BYTES_MAX) throw new BtstoreError("usage", `Cannot read the words: more than ${SECRET_BYTES_MAX} bytes were given`);
  return new TextDecoder().decode(bytes);
}
