/**
 * Re-reads what is sealed against what is recorded: every stripe of sealed sectors against its root, every unit of
 * unfinished ones against its digest, and the recorded roots against each other. A single flipped bit anywhere is found.
 *
 * Reads are sequential and of 1 MiB; hashing one takes under 1 ms of the main thread.
 */
import { BtstoreError, DIGEST_BYTES, STRIPES_PER_CHUNK, STRIPE_BYTES, equalBytes, throwIfCancelled } from "../core/mod.ts";
import { merkleRoot, stripeRoots } from "../native/mod.ts";
import { sectorAt, type Sector } from "../space/mod.ts";
import { breathe, hashSector, unitDigest } from "./leaves.ts";
import type { Partition } from "./partition.ts";
import { STRIPES_PER_GROUP } from "./records.ts";
import { mendStripes, reseal, type UnitSource } from "./repair.ts";

/** Bytes of the data file, first and one past the last. */
export type ByteRange = { readonly from: number; readonly to: number };

/** One thing that is wrong. */
export type Damage = DamagedStripe | DamagedUnit | DamagedRoots;

/** A stripe whose bytes do not hash to its recorded root, or cannot be read. */
export type DamagedStripe = {
  readonly kind: "stripe" | "unreadable";
  readonly sectorIndex: number;
  readonly stripeIndex: number;
  readonly chunkIndex: number;
  /** The stripe. */
  readonly bytes: ByteRange;
  /** From the first to the last byte that differed; known once it is repaired. */
  readonly changed: ByteRange | null;
  readonly isRepaired: boolean;
};

/** A sealed unit of an unfinished sector that no longer matches its digest. Repaired means forgotten: the next fill seals it again. */
export type DamagedUnit = {
  readonly kind: "unit";
  readonly sectorIndex: number;
  /** Index in the partition. */
  readonly unitIndex: number;
  /** The sector; the unit's pieces lie all over it. */
  readonly bytes: ByteRange;
  readonly isRepaired: boolean;
};

/** Recorded roots of a sealed sector that contradict each other or are gone; what lies under them is not vouched for. */
export type DamagedRoots = {
  readonly kind: "roots";
  readonly sectorIndex: number;
  /** The sector. */
  readonly bytes: ByteRange;
  readonly isRepaired: boolean;
};

export type ScrubProgress = { readonly doneBytes: number; readonly totalBytes: number; readonly damageCount: number };

export type ScrubOptions = {
  /** Sealing workers that recompute units. Without them nothing is changed. */
  readonly repair?: UnitSource;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ScrubProgress) => void;
  readonly onDamage?: (damage: Damage) => void;
};

/** Damages of one partition that are kept in the result; all are counted and reported as they are found. */
const DAMAGES_MAX = 10_000;

/** Stripes of one read: 1 MiB. */
const READ_STRIPES = 4;

/** Bad stripes repaired in one go: 64 MiB. Each round recomputes every unit of the sector that they touch. */
const REPAIR_STRIPES = 256;

export type ScrubResult = { readonly checkedBytes: number; readonly damageCount: number; readonly repairedCount: number; readonly damages: readonly Damage[] };

/**
 * Checks one partition, and repairs it where it is given the means.
 *
 * What cannot be repaired in place (roots that are damaged themselves) is withdrawn when repairing: the next fill seals it again.
 *
 * @throws {BtstoreError} `cancelled`; `disk` or `disk_full` if a repair cannot be written; `memory` if a unit cannot be recomputed.
 */
export async function scrubPartition(partition: Partition, options: ScrubOptions = {}): Promise<ScrubResult> {
  const scrub = new Scrub(partition, options);
  const { geometry } = partition;
  for (let index = 0; index < geometry.sectorCount; index++) {
    const sector = sectorAt(geometry, index);
    if (partition.isSealed(index)) await scrub.sealedSector(sector);
    else await scrub.unfinishedSector(sector);
  }
  return scrub.result();
}

class Scrub {
  readonly #partition: Partition;
  readonly #options: ScrubOptions;
  readonly #totalBytes: number;
  readonly #damages: Damage[] = [];
  #doneBytes = 0;
  #damageCount = 0;
  #repairedCount = 0;

  constructor(partition: Partition, options: ScrubOptions) {
    this.#partition = partition;
    this.#options = options;
    this.#totalBytes = partition.sealedBytes();
  }

  result(): ScrubResult {
    return { checkedBytes: this.#doneBytes, damageCount: this.#damageCount, repairedCount: this.#repairedCount, damages: this.#damages };
  }

  async sealedSector(sector: Sector): Promise<void> {
    const recorded = this.#recordedRoots(sector);
    if (!recorded) return this.#badRoots(sector);
    let bad: { stripeInSector: number; isReadable: boolean }[] = [];
    for (let first = 0; first < sector.stripeCount; first += READ_STRIPES) {
      throwIfCancelled(this.#options.signal, "Checking");
      const count = Math.min(READ_STRIPES, sector.stripeCount - first);
      bad.push(...(await this.#badStripes(sector, first, count, recorded)));
      this.#advance(count * STRIPE_BYTES);
      if (bad.length >= REPAIR_STRIPES) {
        await this.#handle(sector, bad, recorded);
        bad = [];
      }
    }
    await this.#handle(sector, bad, recorded);
  }

  async unfinishedSector(sector: Sector): Promise<void> {
    const units = this.#partition.records.units(sector.firstUnit, sector.firstUnit + sector.unitCount - 1);
    if (units.length === 0) return;
    const leaves = new Uint8Array(sector.pieceCount * DIGEST_BYTES);
    await hashSector(this.#partition, sector, leaves, this.#options.signal);
    const damaged: number[] = [];
    for (const { unitIndex, digest } of units) {
      if (!equalBytes(unitDigest(sector, leaves, unitIndex - sector.firstUnit), digest)) damaged.push(unitIndex);
      await breathe();
    }
    const isRepaired = this.#options.repair !== undefined && damaged.length > 0;
    if (isRepaired) this.#partition.withdraw(sector.index, damaged);
    for (const unitIndex of damaged) this.#found({ kind: "unit", sectorIndex: sector.index, unitIndex, bytes: rangeOf(sector), isRepaired });
    this.#advance((sector.byteLength / sector.unitCount) * units.length);
  }

  /** All stripe roots of a sector, if they lead to its root. */
  #recordedRoots(sector: Sector): Uint8Array | null {
    const roots = new Uint8Array(sector.stripeCount * DIGEST_BYTES);
    let groupRoots: Uint8Array | undefined;
    for (let group = 0; group * STRIPES_PER_GROUP < sector.stripeCount; group++) {
      const rows = this.#partition.groupOf(sector, group);
      if (!rows) return null;
      ({ groupRoots } = rows);
      if (!equalBytes(merkleRoot(rows.stripeRoots), groupRoots.subarray(group * DIGEST_BYTES, (group + 1) * DIGEST_BYTES))) return null;
      roots.set(rows.stripeRoots, group * STRIPES_PER_GROUP * DIGEST_BYTES);
    }
    const root = this.#partition.rootOf(sector.index);
    return groupRoots && root && equalBytes(merkleRoot(groupRoots), root) ? roots : null;
  }

  /** Recorded roots prove nothing any more: what the units' digests still vouch for stays, the sector is sealed again. */
  async #badRoots(sector: Sector): Promise<void> {
    let isRepaired = false;
    if (this.#options.repair) isRepaired = await reseal(this.#partition, sector, this.#options.signal);
    this.#found({ kind: "roots", sectorIndex: sector.index, bytes: rangeOf(sector), isRepaired });
    this.#advance(sector.byteLength);
  }

  async #badStripes(sector: Sector, first: number, count: number, recorded: Uint8Array): Promise<{ stripeInSector: number; isReadable: boolean }[]> {
    let roots: Uint8Array;
    try {
      roots = stripeRoots(await this.#partition.readAt(sector.byteOffset + first * STRIPE_BYTES, count * STRIPE_BYTES));
    } catch (error) {
      if (!(error instanceof BtstoreError && error.code === "disk")) throw error;
      if (count === 1) return [{ stripeInSector: first, isReadable: false }];
      const single: { stripeInSector: number; isReadable: boolean }[] = [];
      for (let i = 0; i < count; i++) single.push(...(await this.#badStripes(sector, first + i, 1, recorded)));
      return single;
    }
    return Array.from({ length: count }, (_, i) => i)
      .filter((i) => !equalBytes(digestAt(roots, i), digestAt(recorded, first + i)))
      .map((i) => ({ stripeInSector: first + i, isReadable: true }));
  }

  async #handle(sector: Sector, bad: readonly { stripeInSector: number; isReadable: boolean }[], recorded: Uint8Array): Promise<void> {
    if (bad.length === 0) return;
    const { repair, signal } = this.#options;
    const wanted = bad.map(({ stripeInSector }) => ({ stripeInSector, root: digestAt(recorded, stripeInSector) }));
    const mended = repair ? await mendStripes(this.#partition, sector, wanted, repair, signal) : null;
    bad.forEach(({ stripeInSector, isReadable }, i) => {
      const stripeIndex = sector.firstStripe + stripeInSector;
      const outcome = mended?.[i];
      this.#found({
        kind: isReadable ? "stripe" : "unreadable",
        sectorIndex: sector.index,
        stripeIndex,
        chunkIndex: Math.floor(stripeIndex / STRIPES_PER_CHUNK),
        bytes: { from: stripeIndex * STRIPE_BYTES, to: (stripeIndex + 1) * STRIPE_BYTES },
        changed: outcome?.changed ?? null,
        isRepaired: outcome?.isRepaired ?? false,
      });
    });
  }

  #found(damage: Damage): void {
    this.#damageCount++;
    if (damage.isRepaired) this.#repairedCount++;
    if (this.#damages.length < DAMAGES_MAX) this.#damages.push(damage);
    this.#options.onDamage?.(damage);
  }

  #advance(bytes: number): void {
    this.#doneBytes += bytes;
    this.#options.onProgress?.({ doneBytes: this.#doneBytes, totalBytes: this.#totalBytes, damageCount: this.#damageCount });
  }
}

/** The place of a damage in words: `chunk 5 (stripe 21), bytes 5505024 to 5767167`. */
export function describeDamage(damage: Damage): string {
  const span = ({ from, to }: ByteRange) => (to - from === 1 ? `byte ${from}` : `bytes ${from} to ${to - 1}`);
  if (damage.kind === "roots") return `recorded roots of sector ${damage.sectorIndex}, ${span(damage.bytes)}`;
  if (damage.kind === "unit") return `unit ${damage.unitIndex} in the unfinished sector ${damage.sectorIndex}, ${span(damage.bytes)}`;
  return `chunk ${damage.chunkIndex} (stripe ${damage.stripeIndex}), ${span(damage.changed ?? damage.bytes)}${damage.kind === "unreadable" ? ", unreadable" : ""}`;
}

function rangeOf(sector: Sector): ByteRange {
  return { from: sector.byteOffset, to: sector.byteOffset + sector.byteLength };
}

function digestAt(digests: Uint8Array, index: number): Uint8Array {
  return digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
}
