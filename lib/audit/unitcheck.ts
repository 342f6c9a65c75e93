/**
 * Unit checks: is a committed piece really what its unit's Argon2d run gives? (DESIGN section 5)
 *
 * A commitment proves only that the miner held something; this proves that it is the filler. The miner cannot see which
 * piece is checked. One piece per miner and hour, uniform over all pieces opened in that hour, recomputed by the native core;
 * a difference is believed only once @noble gives the same unit tag as the native core did.
 */
import { argon2dAsync } from "@noble/hashes/argon2.js";
import { UNIT_TAG_BYTES, equalBytes, type Windows } from "../core/mod.ts";
import type { UnitSpec } from "../space/mod.ts";
import { uniform, type RandomBytes } from "./challenge.ts";
import type { OpenedPiece } from "./verify.ts";

/** Computes a unit and gives its tag and the pieces asked for: the native core in production. */
export type ComputeUnit = (spec: UnitSpec, pieceIndexes: number[]) => Promise<{ tag: Uint8Array; pieces: Uint8Array[] }>;

/** The tag of the same run by another implementation. */
export type ConfirmTag = (spec: UnitSpec) => Promise<Uint8Array>;

/** `unsure`: the two implementations here disagree, so this machine computes wrongly; says nothing about the miner. */
export type UnitCheckResult = "match" | "mismatch" | "unsure";

/** The hour that is running: since when (wall clock, milliseconds), how many pieces were opened, and the one kept of them. */
export type DrawState = { readonly since: number; readonly seen: number; readonly chosen: OpenedPiece | null };

/**
 * Draws one miner's unit checks: a reservoir of one over each hour's opened pieces.
 *
 * Its state belongs on disk after every change (`Ledger.saveDraw`): a validator that restarts within every hour would
 * otherwise never check a unit.
 */
export class UnitCheckDraw {
  readonly #random: RandomBytes;
  readonly #windows: Windows;
  #since: number;
  #seen: number;
  #chosen: OpenedPiece | null;

  /** @param start Wall clock in milliseconds at which the first hour begins, or the hour to go on with. */
  constructor(random: RandomBytes, windows: Windows, start: number | DrawState) {
    this.#random = random;
    this.#windows = windows;
    const { since, seen, chosen } = typeof start === "number" ? { since: start, seen: 0, chosen: null } : start;
    this.#since = since;
    this.#seen = seen;
    this.#chosen = chosen;
  }

  /** What to go on with after a restart. */
  get state(): DrawState {
    return { since: this.#since, seen: this.#seen, chosen: this.#chosen };
  }

  /** Takes in the filler pieces of a passed audit. Each piece of the hour is kept with the same chance. */
  offer(opened: readonly OpenedPiece[]): void {
    for (const candidate of opened) {
      this.#seen++;
      if (uniform(this.#random) * this.#seen < 1) this.#chosen = { ...candidate, piece: candidate.piece.slice() };
    }
  }

  /** The piece to check once an hour is over, then the next hour begins; null before, or if nothing was opened. */
  take(now: number): OpenedPiece | null {
    const { hourMs } = this.#windows;
    if (now >= this.#since && now < this.#since + hourMs) return null;
    const chosen = this.#chosen;
    // Hours follow one another without drift; a wall clock set back begins a new one, or checks would stop for as long.
    this.#since = now < this.#since ? now : now - ((now - this.#since) % hourMs);
    this.#seen = 0;
    this.#chosen = null;
    return chosen;
  }
}

/**
 * Checks one opened piece against its unit.
 *
 * @param spec Inputs of the piece's unit: the pair's seed, and unit index and r as opened.
 */
export async function checkUnit(
  opened: Pick<OpenedPiece, "pieceIndex" | "piece">,
  spec: UnitSpec,
  compute: ComputeUnit,
  confirmTag: ConfirmTag = nobleUnitTag,
): Promise<UnitCheckResult> {
  const first = await compute(spec, [opened.pieceIndex]);
  if (equalBytes(first.pieces[0]!, opened.piece)) return "match";
  // The tag hangs on every block of the memory: the same tag from both means the same memory.
  const second = await compute(spec, [opened.pieceIndex]);
  const isOurs = equalBytes(second.tag, await confirmTag(spec)) && equalBytes(second.pieces[0]!, first.pieces[0]!);
  return isOurs ? "mismatch" : "unsure";
}

/** A unit's tag by @noble: some 16 seconds for a full unit, in slices that leave the thread alive, so only in doubt. */
function nobleUnitTag(spec: UnitSpec): Promise<Uint8Array> {
  return argon2dAsync(spec.password, spec.salt, { t: spec.passes, m: spec.chunks * 1024, p: 1, version: 0x13, dkLen: UNIT_TAG_BYTES });
}
