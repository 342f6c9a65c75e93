/**
 * Workers that compute units: for the miner whole batches, written to disk; for the validator single ones, for a few pieces.
 *
 * Each worker is a thread that runs one native call at a time and watches three words of shared memory meanwhile: cancel,
 * pause, progress. Workers start when first needed and hold the process only while they work.
 */
import { BtstoreError, DIGEST_BYTES, PIECES_PER_CHUNK, PIECE_BYTES, UNIT_TAG_BYTES, assertBytes, assertInteger, concat, throwIfCancelled } from "../core/mod.ts";
import { CONTROL, CONTROL_STRIDE, type Job, type Order, type Outcome } from "./job.ts";

const SALT_BYTES = 16;

/** Units of one batch; must agree with `units_max` in `zig/fill.zig`: one piece of each fits one write of 1 MiB. */
export const BATCH_UNITS_MAX = 512;

/** How often progress is reported. */
const PROGRESS_INTERVAL_MS = 100;

/** Inputs of one unit (DESIGN section 4); `lib/space` makes them. */
export type UnitSpec = {
  readonly password: Uint8Array;
  /** 16 bytes. */
  readonly salt: Uint8Array;
  /** r, in MiB. */
  readonly chunks: number;
  readonly passes: number;
};

/** Neighbouring units of one sector. */
export type SealBatch = {
  /** The data file, which exists. */
  readonly path: string;
  /** Where the sector begins in the file. */
  readonly byteOffset: number;
  /** In order; all of one password, size and number of passes. */
  readonly units: readonly UnitSpec[];
  /** Index of the first of them within the sector. */
  readonly firstUnit: number;
  /** A of the sector. */
  readonly unitsPerSector: number;
  /** Leaf digests of the whole sector in position order, on a SharedArrayBuffer; the batch writes its own. */
  readonly leaves: Uint8Array;
};

type Done = Extract<Outcome, { kind: "done" }>;

type Task = {
  readonly job: Job;
  readonly onProgress: ((doneBytes: number) => void) | undefined;
  readonly outcome: Promise<Done>;
  readonly resolve: (outcome: Done) => void;
  readonly reject: (error: unknown) => void;
};

type Seat = { worker: Worker | null; task: Task | null; readonly control: Uint32Array };

/** Seals batches and recomputes units on threads of its own. */
export class SealPool {
  readonly #seats: Seat[];
  readonly #waiting: Task[] = [];
  #isPaused = false;
  #isClosed = false;

  /** @param workers Threads at most, 1 to 4096. Calls beyond them wait. */
  constructor({ workers }: { workers: number }) {
    assertInteger(workers, 1, 4096, "workers");
    const words = new SharedArrayBuffer(workers * CONTROL_STRIDE * Uint32Array.BYTES_PER_ELEMENT);
    this.#seats = Array.from({ length: workers }, (_, i) => ({
      worker: null,
      task: null,
      control: new Uint32Array(words, i * CONTROL_STRIDE * Uint32Array.BYTES_PER_ELEMENT, CONTROL_STRIDE),
    }));
  }

  /**
   * Computes a batch, recomputes one random unit of it, and writes it where it belongs, in writes of at most 1 MiB. Takes
   * `sealMemoryBytes` of memory. Does not sync: the caller does, before it records anything.
   *
   * @param onProgress Called ten times a second with the bytes computed so far; writing follows.
   * @returns The units' tags, 32 bytes each, in order.
   * @throws {RangeError} If the batch does not fit together.
   * @throws {BtstoreError} `cancelled` within 100 ms of the signal; `disk_full`, `disk`; `memory` if there is none or a unit came
   *   out differently the second time, in which case nothing was written. After any other the file may hold part of the batch.
   */
  async seal(batch: SealBatch, { signal, onProgress }: { signal?: AbortSignal; onProgress?: (doneBytes: number) => void } = {}): Promise<Uint8Array[]> {
    const job = sealJob(batch);
    const { tags } = await this.#run(job, signal, onProgress);
    return batch.units.map((_, i) => tags.slice(i * UNIT_TAG_BYTES, (i + 1) * UNIT_TAG_BYTES));
  }

  /**
   * Recomputes one unit.
   *
   * @param pieceIndexes Which pieces of it to return, 0 to chunks × 512 − 1.
   * @returns Its tag and those pieces, 2048 bytes each, in the order asked.
   * @throws {BtstoreError} `cancelled` or `memory`.
   */
  async unitPieces(spec: UnitSpec, pieceIndexes: readonly number[], { signal }: { signal?: AbortSignal } = {}): Promise<{ tag: Uint8Array; pieces: Uint8Array[] }> {
    assertUnit(spec);
    for (const index of pieceIndexes) assertInteger(index, 0, spec.chunks * PIECES_PER_CHUNK - 1, "pieceIndexes");
    const { password, salt, chunks, passes } = spec;
    const { tags, pieces } = await this.#run({ kind: "pieces", password, salt, chunks, passes, indexes: Uint32Array.from(pieceIndexes) }, signal, undefined);
    return { tag: tags, pieces: pieceIndexes.map((_, i) => pieces.slice(i * PIECE_BYTES, (i + 1) * PIECE_BYTES)) };
  }

  /** Holds back all writing, within one write of at most 1 MiB. Computing goes on. */
  pause(): void {
    this.#setPaused(true);
  }

  /** Lets writing go on. */
  resume(): void {
    this.#setPaused(false);
  }

  /** Cancels what is under way and ends the threads. Later calls are refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const task of this.#waiting.splice(0)) task.reject(new BtstoreError("cancelled", "Cannot compute units: the pool was closed"));
    const underWay = this.#seats.flatMap((seat) => seat.task ?? []);
    for (const { task, control } of this.#seats) if (task) Atomics.store(control, CONTROL.cancel, 1);
    await Promise.allSettled(underWay.map((task) => task.outcome));
    for (const seat of this.#seats) {
      seat.worker?.terminate();
      seat.worker = null;
    }
  }

  #setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    for (const { control } of this.#seats) Atomics.store(control, CONTROL.pause, isPaused ? 1 : 0);
  }

  async #run(job: Job, signal: AbortSignal | undefined, onProgress: Task["onProgress"]): Promise<Done> {
    throwIfCancelled(signal, "Computing units");
    if (this.#isClosed) throw new BtstoreError("cancelled", "Cannot compute units: the pool was closed");
    const { promise, resolve, reject } = Promise.withResolvers<Done>();
    const task: Task = { job, onProgress, outcome: promise, resolve, reject };
    const onAbort = () => this.#cancel(task);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#waiting.push(task);
    this.#dispatch();
    try {
      return await task.outcome;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #cancel(task: Task): void {
    const at = this.#waiting.indexOf(task);
    if (at >= 0) {
      this.#waiting.splice(at, 1);
      task.reject(new BtstoreError("cancelled", "Cannot compute units: cancelled"));
      return;
    }
    const seat = this.#seats.find((candidate) => candidate.task === task);
    if (seat) Atomics.store(seat.control, CONTROL.cancel, 1);
  }

  #dispatch(): void {
    for (const seat of this.#seats) {
      if (this.#waiting.length === 0) return;
      if (!seat.task) this.#start(seat, this.#waiting.shift()!);
    }
  }

  #start(seat: Seat, task: Task): void {
    seat.worker ??= new Worker(workerUrl());
    const { worker, control } = seat;
    seat.task = task;
    Atomics.store(control, CONTROL.cancel, 0);
    Atomics.store(control, CONTROL.progressKib, 0);
    Atomics.store(control, CONTROL.pause, this.#isPaused ? 1 : 0);
    const report = task.onProgress;
    const timer = report && setInterval(() => report(Atomics.load(control, CONTROL.progressKib) * 1024), PROGRESS_INTERVAL_MS);
    const finish = () => {
      clearInterval(timer);
      seat.task = null;
      worker.unref();
    };
    worker.ref();
    worker.onmessage = ({ data }: MessageEvent<Outcome>) => {
      finish();
      if (data.kind === "done") {
        report?.(Atomics.load(control, CONTROL.progressKib) * 1024);
        task.resolve(data);
      } else {
        const options = data.cause === null ? undefined : { cause: data.cause };
        task.reject(data.code === null ? new RangeError(data.message, options) : new BtstoreError(data.code, data.message, options));
      }
      this.#dispatch();
    };
    worker.onerror = (event) => {
      finish();
      worker.terminate();
      seat.worker = null;
      task.reject(new BtstoreError("memory", `Cannot compute units: the worker ended, ${event.message}`));
      this.#dispatch();
    };
    const order: Order = { job: task.job, control };
    worker.postMessage(order);
  }
}

function sealJob(batch: SealBatch): Job {
  const { units, firstUnit, unitsPerSector, leaves, path, byteOffset } = batch;
  assertInteger(units.length, 1, BATCH_UNITS_MAX, "units");
  assertInteger(unitsPerSector, 1, 2 ** 16, "unitsPerSector");
  assertInteger(firstUnit, 0, unitsPerSector - units.length, "firstUnit");
  assertInteger(byteOffset, 0, Number.MAX_SAFE_INTEGER, "byteOffset");
  const { password, chunks, passes } = units[0]!;
  for (const unit of units) {
    assertUnit(unit);
    if (unit.chunks !== chunks || unit.passes !== passes || Buffer.compare(unit.password, password) !== 0) {
      throw new RangeError("units: expected one password, size and number of passes, got several");
    }
  }
  assertBytes(leaves, unitsPerSector * chunks * PIECES_PER_CHUNK * DIGEST_BYTES, "leaves");
  if (!(leaves.buffer instanceof SharedArrayBuffer)) throw new TypeError("leaves: expected a view of a SharedArrayBuffer, got an ArrayBuffer");
  const salts = concat(...units.map((unit) => unit.salt));
  const checkedUnit = crypto.getRandomValues(new Uint32Array(1))[0]! % units.length;
  return { kind: "seal", path, byteOffset, password, salts, chunks, passes, firstUnit, unitsPerSector, checkedUnit, leaves };
}

function assertUnit(unit: UnitSpec): void {
  assertBytes(unit.salt, SALT_BYTES, "salt");
  assertInteger(unit.chunks, 1, 4096, "chunks");
  assertInteger(unit.passes, 1, 2 ** 16, "passes");
  assertInteger(unit.password.length, 0, 2 ** 20, "password length");
}

/** Compiled, workers are found relative to the repository's root; from source, beside this file. */
function workerUrl(): string {
  const isCompiled = import.meta.url.includes("/$bunfs/") || import.meta.url.includes("/~BUN/");
  return new URL(isCompiled ? "./lib/native/worker.ts" : "./worker.ts", import.meta.url).href;
}
