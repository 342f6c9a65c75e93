/**
 * Fills partitions: seals what is missing, batch by batch, so that a kill at any instant loses at most the batches in flight.
 *
 * The order is what makes it safe: bytes are written, then synced, then the units are recorded, then, when a sector's units
 * are all there, its roots. What is recorded is checked again when a fill goes on: the bytes of an unfinished sector are
 * hashed, and a unit that no longer matches is sealed again. The finished file is the same whatever happened on the way.
 */
import { BtstoreError, DIGEST_BYTES, equalBytes, formatSize, systemClock, throwIfCancelled, type Clock, type Ss58 } from "../core/mod.ts";
import type { SealBatch } from "../native/mod.ts";
import { sectorAt, unitSpec, type Sector, type UnitSpec } from "../space/mod.ts";
import { SPARE_BYTES } from "./allocation.ts";
import { cutBatches } from "./fill-plan.ts";
import { breathe, hashSector, sectorTree, unitDigest } from "./leaves.ts";
import type { Partition } from "./partition.ts";
import type { UnitRecord } from "./records.ts";

/** What the fill needs of the sealing workers (`SealPool` of lib/native). */
export interface Sealer {
  /**
   * Computes, checks and writes a batch. Does not sync.
   *
   * @returns The units' tags, 32 bytes each.
   * @throws {BtstoreError} `cancelled` within 100 ms of the signal, `disk_full`, `disk`, `memory` if the machine computes wrongly.
   */
  seal(batch: SealBatch, options: { signal?: AbortSignal; onProgress?: (doneBytes: number) => void }): Promise<Uint8Array[]>;
}

export type FillProgress = {
  /** Bytes sealed, what workers have in hand included. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Over the last half minute; 0 at first. */
  readonly bytesPerSecond: number;
  /** The same for each partition, in order. */
  readonly partitions: readonly { readonly validator: Ss58; readonly doneBytes: number; readonly totalBytes: number }[];
};

export type FillOptions = {
  /** From `planFill`. */
  readonly workers: number;
  readonly batchUnits: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FillProgress) => void;
  readonly clock?: Clock;
};

/** The rate is the mean over this window, in milliseconds. */
const RATE_WINDOW_MS = 30_000;

/**
 * Seals everything that is missing in one partition; see `fillPartitions`.
 */
export function fillPartition(partition: Partition, sealer: Sealer, options: FillOptions): Promise<void> {
  return fillPartitions([partition], sealer, options);
}

/**
 * Seals everything that is missing, partition after partition; workers go on to the next while the last ones of one end.
 * A resize that waits is carried out first.
 *
 * @throws {BtstoreError} `cancelled` soon after the signal, `disk_full`, `disk`, `corrupt` or `memory`. What was recorded before
 *   stays good; the same call goes on from there.
 */
export async function fillPartitions(partitions: readonly Partition[], sealer: Sealer, options: FillOptions): Promise<void> {
  throwIfCancelled(options.signal, "Sealing");
  for (const partition of partitions) await partition.settle();
  await new Fill(partitions, sealer, options).run();
}

/** One sector being filled. */
type OpenSector = { lane: Lane; sector: Sector; leaves: Uint8Array; missingCount: number };

type Batch = { open: OpenSector; firstUnit: number; specs: UnitSpec[] };

/** A batch that is written, not yet synced. */
type Sealed = { batch: Batch; tags: Uint8Array[] };

/** One partition being filled; its syncs run one at a time, so that a failed one stops all that was not recorded yet. */
type Lane = { partition: Partition; waiting: Sealed[]; recording: Promise<void> | null; doneBytes: number };

class Fill {
  readonly #sealer: Sealer;
  readonly #options: FillOptions;
  readonly #lanes: Lane[];
  readonly #stop = new AbortController();
  readonly #meter: RateMeter;
  #failure: { error: unknown } | null = null;
  /** Disk space that running batches are going to take. */
  readonly #reserved = new Map<Batch, number>();
  /** Bytes that running batches have computed. */
  readonly #inHand = new Map<Batch, number>();

  constructor(partitions: readonly Partition[], sealer: Sealer, options: FillOptions) {
    this.#sealer = sealer;
    this.#options = options;
    this.#meter = new RateMeter(options.clock ?? systemClock);
    this.#lanes = partitions.map((partition) => ({ partition, waiting: [], recording: null, doneBytes: partition.sealedBytes() }));
  }

  async run(): Promise<void> {
    const { signal, workers } = this.#options;
    let stopped: (() => void) | undefined;
    const cancelled = new Promise<never>((_, reject) => {
      stopped = () => {
        this.#stop.abort();
        reject(new BtstoreError("cancelled", "Sealing: stopped; the same command goes on from here"));
      };
      signal?.addEventListener("abort", stopped, { once: true });
    });
    cancelled.catch(() => {});
    this.#report();
    const batches = this.#batches();
    const all = Promise.all(Array.from({ length: workers }, () => this.#work(batches)));
    try {
      await Promise.race([all, cancelled]);
      if (this.#failure) throw this.#explain(this.#failure.error);
      this.#report();
    } finally {
      signal?.removeEventListener("abort", stopped!);
    }
  }

  /** One worker's turn: the last batch is synced and recorded while the next is computed. Failures are kept in `#failure`. */
  async #work(batches: AsyncGenerator<Batch, void>): Promise<void> {
    let recording: Promise<void> = Promise.resolve();
    try {
      for (;;) {
        const { value: batch } = await batches.next();
        if (!batch) break;
        const tags = await this.#seal(batch);
        await recording;
        recording = this.#record(batch, tags).catch((error) => this.#fail(error));
      }
    } catch (error) {
      this.#fail(error);
    }
    await recording;
  }

  /** Keeps the first failure and stops the others, which then fail as cancelled. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#stop.abort();
  }

  async #seal(batch: Batch): Promise<Uint8Array[]> {
    const { open, firstUnit, specs } = batch;
    await this.#reserve(batch);
    try {
      return await this.#sealer.seal(
        {
          path: open.lane.partition.dataPath,
          byteOffset: open.sector.byteOffset,
          units: specs,
          firstUnit,
          unitsPerSector: open.sector.unitCount,
          leaves: open.leaves,
        },
        {
          signal: this.#stop.signal,
          onProgress: (doneBytes) => {
            this.#inHand.set(batch, doneBytes);
            this.#report();
          },
        },
      );
    } finally {
      this.#inHand.delete(batch);
      this.#reserved.delete(batch);
    }
  }

  /** Stops before the disk is full to the last byte, which would leave no room to record or to make anything smaller. */
  async #reserve(batch: Batch): Promise<void> {
    const { partition } = batch.open.lane;
    const unwritten = Math.max(0, partition.geometry.byteLength - (await partition.takenBytes()));
    const bytes = Math.min(unwritten, unitBytes(batch.open.sector) * batch.specs.length);
    const freeBytes = await partition.freeBytes();
    const promised = [...this.#reserved.values()].reduce((sum, reserved) => sum + reserved, 0);
    if (bytes > 0 && freeBytes - promised - bytes < SPARE_BYTES) throw new BtstoreError("disk_full", "Cannot write a batch: too little space is left");
    this.#reserved.set(batch, bytes);
  }

  /** Hands a written batch over to be synced and recorded; the promise is of the whole queue up to it. */
  #record(batch: Batch, tags: Uint8Array[]): Promise<void> {
    const { lane } = batch.open;
    lane.waiting.push({ batch, tags });
    lane.doneBytes += unitBytes(batch.open.sector) * batch.specs.length;
    return (lane.recording ??= this.#drain(lane));
  }

  async #drain(lane: Lane): Promise<void> {
    let isWhole = false;
    try {
      while (lane.waiting.length > 0) await this.#recordAll(lane, lane.waiting.splice(0));
      isWhole = true;
    } finally {
      // After a failed sync the kernel may count lost pages as written: the queue then stays closed, and later batches fail with it.
      if (isWhole) lane.recording = null;
    }
  }

  async #recordAll(lane: Lane, sealed: Sealed[]): Promise<void> {
    await lane.partition.sync();
    const units: UnitRecord[] = [];
    for (const { batch, tags } of sealed) {
      for (const [index, tag] of tags.entries()) {
        const unitInSector = batch.firstUnit + index;
        units.push({ unitIndex: batch.open.sector.firstUnit + unitInSector, tag, digest: unitDigest(batch.open.sector, batch.open.leaves, unitInSector) });
        await breathe();
      }
    }
    if (this.#options.signal?.aborted) return;
    lane.partition.recordUnits(units);
    for (const { batch } of sealed) {
      batch.open.missingCount -= batch.specs.length;
      if (batch.open.missingCount === 0) await this.#finish(batch.open);
    }
    this.#report();
  }

  async #finish({ lane, sector, leaves }: OpenSector): Promise<void> {
    const tree = await sectorTree(sector, leaves);
    if (this.#options.signal?.aborted) return;
    lane.partition.recordSector(sector, tree);
  }

  /** The batches to be sealed, in order; a sector is looked at only when its turn comes. */
  async *#batches(): AsyncGenerator<Batch, void> {
    for (const lane of this.#lanes) {
      const { geometry, netuid, profile, seed } = lane.partition;
      for (let index = 0; index < geometry.sectorCount; index++) {
        if (lane.partition.isSealed(index)) continue;
        const sector = sectorAt(geometry, index);
        const leaves = new Uint8Array(new SharedArrayBuffer(sector.pieceCount * DIGEST_BYTES));
        const missing = await this.#missingUnits(lane, sector, leaves);
        const open: OpenSector = { lane, sector, leaves, missingCount: missing.length };
        if (missing.length === 0) await this.#finish(open);
        for (const { firstUnit, unitCount } of cutBatches(missing, this.#options.batchUnits)) {
          if (this.#stop.signal.aborted) return;
          const first = sector.firstUnit + firstUnit;
          const specs = Array.from({ length: unitCount }, (_, unit) => unitSpec(seed, netuid, first + unit, sector.chunksPerUnit, profile));
          yield { open, firstUnit, specs };
        }
      }
    }
  }

  /** Units of a sector to be sealed, counted within it. Recorded ones are held to their digests, which also restores their leaves. */
  async #missingUnits(lane: Lane, sector: Sector, leaves: Uint8Array): Promise<number[]> {
    const { partition } = lane;
    const recorded = partition.records.units(sector.firstUnit, sector.firstUnit + sector.unitCount - 1);
    const isMissing = new Array<boolean>(sector.unitCount).fill(true);
    if (recorded.length > 0) await hashSector(partition, sector, leaves, this.#stop.signal);
    const damaged: number[] = [];
    for (const { unitIndex, digest } of recorded) {
      const unitInSector = unitIndex - sector.firstUnit;
      if (equalBytes(unitDigest(sector, leaves, unitInSector), digest)) isMissing[unitInSector] = false;
      else damaged.push(unitIndex);
      await breathe();
    }
    if (damaged.length > 0) {
      partition.withdraw(sector.index, damaged);
      lane.doneBytes -= unitBytes(sector) * damaged.length;
    }
    return isMissing.flatMap((isGone, unit) => (isGone ? [unit] : []));
  }

  #report(): void {
    if (!this.#options.onProgress) return;
    const partitions = this.#lanes.map((lane) => {
      let doneBytes = lane.doneBytes;
      for (const [batch, bytes] of this.#inHand) if (batch.open.lane === lane) doneBytes += bytes;
      return { validator: lane.partition.validator, doneBytes, totalBytes: lane.partition.geometry.byteLength };
    });
    const doneBytes = partitions.reduce((sum, partition) => sum + partition.doneBytes, 0);
    const totalBytes = partitions.reduce((sum, partition) => sum + partition.totalBytes, 0);
    this.#options.onProgress({ doneBytes, totalBytes, bytesPerSecond: this.#meter.rate(doneBytes), partitions });
  }

  /** Says of a full disk how far it got. */
  #explain(failure: unknown): unknown {
    if (!(failure instanceof BtstoreError) || failure.code !== "disk_full") return failure;
    const sealed = this.#lanes.reduce((sum, { partition }) => sum + partition.sealedBytes(), 0);
    const total = this.#lanes.reduce((sum, { partition }) => sum + partition.geometry.byteLength, 0);
    const message = `Cannot go on sealing: the disk is full, ${formatSize(sealed)} of ${formatSize(total)} are sealed and stay; free some space or lower --threshold, then run the same command again`;
    return new BtstoreError("disk_full", message, { cause: failure });
  }
}

/** Mean rate over a sliding window. */
class RateMeter {
  readonly #clock: Clock;
  readonly #samples: { atMs: number; bytes: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes a sample of the bytes done; returns bytes per second. */
  rate(bytes: number): number {
    const atMs = this.#clock.monotonic();
    this.#samples.push({ atMs, bytes });
    while (this.#samples.length > 2 && this.#samples[0]!.atMs < atMs - RATE_WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0]!;
    return atMs > first.atMs ? Math.max(0, ((bytes - first.bytes) * 1000) / (atMs - first.atMs)) : 0;
  }
}

function unitBytes(sector: Sector): number {
  return sector.byteLength / sector.unitCount;
}
