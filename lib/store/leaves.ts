/**
 * From leaf hashes to what is recorded: unit digests, stripe roots, sector roots.
 *
 * A sector's leaves stand in one array in position order, 32 bytes each (64 MiB for a full sector). All of it runs on the
 * main thread in slices of under 2 ms, so that audits are answered meanwhile.
 */
import { DIGEST_BYTES, PIECES_PER_STRIPE, STRIPE_BYTES, throwIfCancelled } from "../core/mod.ts";
import { merkleRoot, pieceTree } from "../native/mod.ts";
import type { Sector } from "../space/mod.ts";
import type { Partition } from "./partition.ts";
import { STRIPES_PER_GROUP, type SectorTree } from "./records.ts";

const STRIPE_LEAF_BYTES = PIECES_PER_STRIPE * DIGEST_BYTES;

/** Stripes of one read: 1 MiB. */
const READ_STRIPES = 4;

/** Lets waiting events run. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Digest of one unit: SHA-256 over its leaf hashes in order.
 *
 * @param leaves The sector's, position order.
 * @param unitInSector 0 to A − 1.
 */
export function unitDigest(sector: Sector, leaves: Uint8Array, unitInSector: number): Uint8Array {
  const own = new Uint8Array(sector.piecesPerUnit * DIGEST_BYTES);
  for (let piece = 0, from = unitInSector * DIGEST_BYTES; piece < sector.piecesPerUnit; piece++, from += sector.unitCount * DIGEST_BYTES) {
    own.set(leaves.subarray(from, from + DIGEST_BYTES), piece * DIGEST_BYTES);
  }
  return Bun.SHA256.hash(own) as Uint8Array;
}

/** All upper levels of a whole sector's tree that are kept. */
export async function sectorTree(sector: Sector, leaves: Uint8Array): Promise<SectorTree> {
  const stripeRoots: Uint8Array[] = [];
  for (let first = 0; first < sector.stripeCount; first += STRIPES_PER_GROUP) {
    const count = Math.min(STRIPES_PER_GROUP, sector.stripeCount - first);
    const roots = new Uint8Array(count * DIGEST_BYTES);
    for (let i = 0; i < count; i++) {
      const from = (first + i) * STRIPE_LEAF_BYTES;
      roots.set(merkleRoot(leaves.subarray(from, from + STRIPE_LEAF_BYTES)), i * DIGEST_BYTES);
    }
    stripeRoots.push(roots);
    await breathe();
  }
  return treeOf(stripeRoots);
}

/** The levels above stripe roots, which come in groups. */
export function treeOf(stripeRoots: readonly Uint8Array[]): SectorTree {
  const groupRoots = new Uint8Array(stripeRoots.length * DIGEST_BYTES);
  stripeRoots.forEach((roots, group) => groupRoots.set(merkleRoot(roots), group * DIGEST_BYTES));
  return { root: merkleRoot(groupRoots), groupRoots, stripeRoots };
}

/**
 * Hashes a sector's bytes as they lie on disk.
 *
 * @param leaves Receives the leaf hashes: the sector's piece count × 32 bytes.
 * @throws {BtstoreError} `cancelled`, `disk`, or `corrupt` if the file is too short.
 */
export async function hashSector(partition: Partition, sector: Sector, leaves: Uint8Array, signal?: AbortSignal): Promise<void> {
  for (let first = 0; first < sector.stripeCount; first += READ_STRIPES) {
    throwIfCancelled(signal, "Checking what is sealed");
    const count = Math.min(READ_STRIPES, sector.stripeCount - first);
    const bytes = await partition.readAt(sector.byteOffset + first * STRIPE_BYTES, count * STRIPE_BYTES);
    for (let i = 0; i < count; i++) {
      const tree = pieceTree(bytes.subarray(i * STRIPE_BYTES, (i + 1) * STRIPE_BYTES));
      leaves.set(tree.subarray(0, STRIPE_LEAF_BYTES), (first + i) * STRIPE_LEAF_BYTES);
    }
  }
}
