/** RFC 9162 sections 2.1.1 and 2.1.3.1 word for word, recursive and slow: what every faster Merkle tree is held to. */
import { createHash } from "node:crypto";

/** MTH(D[n]) over the entries themselves, n ≥ 1. */
export function referenceRoot(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length === 1) return hash(Uint8Array.of(0), entries[0]!);
  const k = split(entries.length);
  return hash(Uint8Array.of(1), referenceRoot(entries.slice(0, k)), referenceRoot(entries.slice(k)));
}

/** PATH(m, D[n]): siblings from leaf to root. */
export function referencePath(index: number, entries: readonly Uint8Array[]): Uint8Array[] {
  if (entries.length === 1) return [];
  const k = split(entries.length);
  return index < k
    ? [...referencePath(index, entries.slice(0, k)), referenceRoot(entries.slice(k))]
    : [...referencePath(index - k, entries.slice(k)), referenceRoot(entries.slice(0, k))];
}

/** The largest power of two smaller than n. */
function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

function hash(...parts: readonly Uint8Array[]): Uint8Array {
  const hasher = createHash("sha256");
  for (const part of parts) hasher.update(part);
  return new Uint8Array(hasher.digest());
}
