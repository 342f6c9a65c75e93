/**
 * Makes rotten filler again, in place.
 *
 * A stripe of a full sector holds one piece of each of 128 units, so one bad stripe costs 128 recomputed units; all bad
 * stripes of a round share them. Only bytes that differ are written, and nothing is written that does not hash to the
 * recorded root.
 */
import { BtstoreError, DIGEST_BYTES, PIECES_PER_STRIPE, PIECE_BYTES, STRIPE_BYTES, equalBytes, throwIfCancelled } from "../core/mod.ts";
import { stripeRoots } from "../native/mod.ts";
import { pieceOrigin, unitSpec, type Sector, type UnitSpec } from "../space/mod.ts";
import { breathe, hashSector, sectorTree, unitDigest } from "./leaves.ts";
import type { Partition } from "./partition.ts";
import type { ByteRange } from "./scrub.ts";

/** What a repair needs of the sealing workers (`SealPool` of lib/native). */
export interface UnitSource {
  /** Computes one unit and returns its tag (32 bytes) and the pieces asked for, in their order. */
  unitPieces(spec: UnitSpec, pieceIndexes: readonly number[], options: { signal?: AbortSignal }): Promise<{ tag: Uint8Array; pieces: Uint8Array[] }>;
}

/** Units asked for at once; the workers queue what they cannot do yet. */
const UNITS_AT_ONCE = 16;

/** What became of one bad stripe. */
export type Mended = { readonly isRepaired: boolean; readonly changed: ByteRange | null };

/**
 * Recomputes bad stripes of one sealed sector and writes what differs.
 *
 * @param bad Stripes within the sector with their recorded roots, 32 bytes each; at most a few hundred, they are held in memory.
 * @returns One outcome per stripe, in order. Not repaired: the recomputed bytes do not lead to the recorded root either, or the disk
 *   does not give back what was written.
 * @throws {BtstoreError} `cancelled`, `disk`, `disk_full`, `memory`.
 */
export async function mendStripes(
  partition: Partition,
  sector: Sector,
  bad: readonly { stripeInSector: number; root: Uint8Array }[],
  source: UnitSource,
  signal?: AbortSignal,
): Promise<Mended[]> {
  const fresh = await recompute(partition, sector, bad.map(({ stripeInSector }) => stripeInSector), source, signal);
  const outcomes: Mended[] = [];
  for (const [i, { stripeInSector, root }] of bad.entries()) {
    throwIfCancelled(signal, "Repairing");
    const bytes = fresh[i]!;
    if (!equalBytes(stripeRoots(bytes), root)) {
      outcomes.push({ isRepaired: false, changed: null });
      continue;
    }
    const offset = sector.byteOffset + stripeInSector * STRIPE_BYTES;
    outcomes.push({ isRepaired: true, changed: await writeDifference(partition, offset, bytes) });
  }
  await partition.sync();
  for (const [i, { stripeInSector, root }] of bad.entries()) {
    if (!outcomes[i]!.isRepaired) continue;
    const back = await readable(partition, sector.byteOffset + stripeInSector * STRIPE_BYTES);
    if (!back || !equalBytes(stripeRoots(back), root)) outcomes[i] = { isRepaired: false, changed: outcomes[i]!.changed };
  }
  return outcomes;
}

/**
 * Withdraws a sector whose recorded roots are damaged, and restores them from the bytes if all its units still match their digests.
 *
 * @returns Whether the sector is sealed again; otherwise the next fill does it, keeping the units that match.
 */
export async function reseal(partition: Partition, sector: Sector, signal?: AbortSignal): Promise<boolean> {
  const recorded = partition.records.units(sector.firstUnit, sector.firstUnit + sector.unitCount - 1);
  const leaves = new Uint8Array(sector.pieceCount * DIGEST_BYTES);
  await hashSector(partition, sector, leaves, signal);
  const damaged: number[] = [];
  for (const { unitIndex, digest } of recorded) {
    if (!equalBytes(unitDigest(sector, leaves, unitIndex - sector.firstUnit), digest)) damaged.push(unitIndex);
    await breathe();
  }
  partition.withdraw(sector.index, damaged);
  if (damaged.length > 0 || recorded.length < sector.unitCount) return false;
  partition.recordSector(sector, await sectorTree(sector, leaves));
  return true;
}

/** The bytes that stripes should have. */
async function recompute(partition: Partition, sector: Sector, stripes: readonly number[], source: UnitSource, signal?: AbortSignal): Promise<Uint8Array[]> {
  const fresh = stripes.map(() => new Uint8Array(STRIPE_BYTES));
  /** Of each unit, the pieces wanted and where they go. */
  const wanted = new Map<number, { pieceIndex: number; target: Uint8Array }[]>();
  stripes.forEach((stripeInSector, i) => {
    for (let piece = 0; piece < PIECES_PER_STRIPE; piece++) {
      const { unitIndex, pieceIndex } = pieceOrigin(sector, stripeInSector, piece);
      const list = wanted.get(unitIndex) ?? [];
      list.push({ pieceIndex, target: fresh[i]!.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES) });
      wanted.set(unitIndex, list);
    }
  });
  const queue = [...wanted];
  const work = async () => {
    for (let next = queue.pop(); next; next = queue.pop()) {
      throwIfCancelled(signal, "Repairing");
      const [unitIndex, places] = next;
      const spec = unitSpec(partition.seed, partition.netuid, unitIndex, sector.chunksPerUnit, partition.profile);
      const { pieces } = await source.unitPieces(spec, places.map(({ pieceIndex }) => pieceIndex), { signal });
      places.forEach(({ target }, i) => target.set(pieces[i]!));
    }
  };
  const results = await Promise.allSettled(Array.from({ length: UNITS_AT_ONCE }, work));
  const failure = results.find((result) => result.status === "rejected");
  if (failure) throw failure.reason;
  return fresh;
}

/** Writes the pieces that differ from what lies at `offset`; returns from the first to the last differing byte. */
async function writeDifference(partition: Partition, offset: number, bytes: Uint8Array): Promise<ByteRange> {
  const present = await readable(partition, offset);
  if (!present) {
    await partition.writeAt(offset, bytes);
    return { from: offset, to: offset + bytes.length };
  }
  let from = 0;
  while (present[from] === bytes[from] && from < bytes.length) from++;
  let to = bytes.length;
  while (to > from && present[to - 1] === bytes[to - 1]) to--;
  for (let start = from - (from % PIECE_BYTES); start < to; start += PIECE_BYTES) {
    const piece = bytes.subarray(start, start + PIECE_BYTES);
    if (!equalBytes(piece, present.subarray(start, start + PIECE_BYTES))) await partition.writeAt(offset + start, piece);
  }
  return { from: offset + from, to: offset + to };
}

/** A stripe's present bytes; null if the disk does not give them. */
async function readable(partition: Partition, offset: number): Promise<Uint8Array | null> {
  try {
    return await partition.readAt(offset, STRIPE_BYTES);
  } catch (error) {
    if (error instanceof BtstoreError && error.code === "disk") return null;
    throw error;
  }
}
