/** What the pool and its workers say to one another, and the few words of shared memory between them. */
import { CHUNK_BYTES, type ErrorCode } from "../core/mod.ts";

/** The words of one worker's control block; must agree with `Control` in `zig/argon2d.zig`. */
export const CONTROL = {
  /** Not 0: stop as soon as possible. */
  cancel: 0,
  /** Not 0: write nothing for now. */
  pause: 1,
  /** KiB computed so far. */
  progressKib: 2,
} as const;

/** Words from one worker's block to the next: a cache line, so that workers do not slow one another. */
export const CONTROL_STRIDE = 16;

/** A batch with the units' common inputs taken out. */
export type SealJob = {
  readonly kind: "seal";
  readonly path: string;
  readonly byteOffset: number;
  readonly password: Uint8Array;
  /** 16 bytes per unit. */
  readonly salts: Uint8Array;
  readonly chunks: number;
  readonly passes: number;
  readonly firstUnit: number;
  readonly unitsPerSector: number;
  /** Which unit of the batch is computed twice. */
  readonly checkedUnit: number;
  readonly leaves: Uint8Array;
};

/** One unit recomputed for some of its pieces. */
export type PiecesJob = {
  readonly kind: "pieces";
  readonly password: Uint8Array;
  readonly salt: Uint8Array;
  readonly chunks: number;
  readonly passes: number;
  readonly indexes: Uint32Array;
};

export type Job = SealJob | PiecesJob;

/** An order to a worker. `control` is its block, on shared memory. */
export type Order = { readonly job: Job; readonly control: Uint32Array };

/** `tags`: 32 bytes per unit. `pieces`: back to back, empty after sealing. */
export type Outcome =
  | { readonly kind: "done"; readonly tags: Uint8Array; readonly pieces: Uint8Array }
  | { readonly kind: "failed"; readonly code: ErrorCode | null; readonly message: string; readonly cause: string | null };

/** Room for a batch to begin at a huge page; must agree with `huge_page_size` in `zig/fill.zig`. */
const HUGE_PAGE_BYTES = 2 ** 21;

/** Memory that sealing a batch of `unitCount` units of `chunks` chunks takes, in bytes: the units and one more for the check. */
export function sealMemoryBytes(unitCount: number, chunks: number): number {
  return (unitCount + 1) * chunks * CHUNK_BYTES + HUGE_PAGE_BYTES;
}
