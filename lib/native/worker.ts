/**
 * One fill worker: a thread that makes one long native call at a time, so that the main thread stays free.
 *
 * An entry point of its own in the compiled executable (`cmd/packaging/build.ts`). Started by `pool.ts` only.
 */
import { closeSync, openSync } from "node:fs";
import { BtstoreError, PIECE_BYTES, UNIT_TAG_BYTES, describeError, formatSize, hasSystemCode } from "../core/mod.ts";
import { sealMemoryBytes, type Order, type Outcome, type PiecesJob, type SealJob } from "./job.ts";
import { BEST_LEVEL, check, native } from "./library.ts";

declare const self: Worker;

/** How long memory is kept for the next batch, which then needs no cleared pages. */
const ARENA_IDLE_MS = 2_000;

let arena: Uint8Array | null = null;
let release: Timer | undefined;

self.onmessage = (event: MessageEvent<Order>) => {
  clearTimeout(release);
  self.postMessage(run(event.data));
  if (arena) release = setTimeout(dropArena, ARENA_IDLE_MS);
};

function run({ job, control }: Order): Outcome {
  try {
    return job.kind === "seal" ? seal(job, control) : pieces(job, control);
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? describeError(error.cause) : null;
    return { kind: "failed", code: error instanceof BtstoreError ? error.code : null, message: describeError(error), cause };
  }
}

function seal(job: SealJob, control: Uint32Array): Outcome {
  const tags = new Uint8Array((job.salts.length / 16) * UNIT_TAG_BYTES);
  const memory = takeArena(sealMemoryBytes(job.salts.length / 16, job.chunks));
  const file = openForWriting(job.path);
  try {
    const status = native().bts_seal(
      BEST_LEVEL,
      job.password,
      job.password.length,
      job.salts,
      job.salts.length,
      job.chunks,
      job.passes,
      file,
      job.byteOffset,
      job.firstUnit,
      job.unitsPerSector,
      job.checkedUnit,
      job.leaves,
      job.leaves.length,
      tags,
      tags.length,
      memory,
      memory.length,
      control,
    );
    check(status, `seal into "${job.path}"`);
  } finally {
    closeSync(file);
  }
  return { kind: "done", tags, pieces: new Uint8Array(0) };
}

/** Memory of at least `bytes` bytes, the last batch's if it is large enough. */
function takeArena(bytes: number): Uint8Array {
  if (arena && arena.length >= bytes) return arena;
  dropArena();
  try {
    arena = new Uint8Array(bytes);
  } catch (cause) {
    throw new BtstoreError("memory", `Cannot seal: the system gives no ${formatSize(bytes)} of memory; use fewer --workers`, { cause });
  }
  return arena;
}

/** Gives the memory back now, not whenever the collector finds time. */
function dropArena(): void {
  if (!arena) return;
  arena = null;
  Bun.gc(true);
}

function openForWriting(path: string): number {
  try {
    return openSync(path, "r+");
  } catch (cause) {
    const code = hasSystemCode(cause, "ENOSPC", "EDQUOT") ? "disk_full" : "disk";
    throw new BtstoreError(code, `Cannot open "${path}" for sealing: ${describeError(cause)}`, { cause });
  }
}

function pieces(job: PiecesJob, control: Uint32Array): Outcome {
  const tags = new Uint8Array(UNIT_TAG_BYTES);
  const out = new Uint8Array(job.indexes.length * PIECE_BYTES);
  const status = native().bts_unit_pieces(
    BEST_LEVEL,
    job.password,
    job.password.length,
    job.salt,
    job.salt.length,
    job.chunks,
    job.passes,
    job.indexes.length > 0 ? job.indexes : null,
    job.indexes.length,
    out.length > 0 ? out : null,
    out.length,
    tags,
    control,
  );
  check(status, "compute a unit");
  return { kind: "done", tags, pieces: out };
}
