/**
 * What unit mismatches cost (DESIGN section 5): a rule over the whole list, so that nothing but the list must be kept.
 *
 * A sector is known by its committed root: sealed again under a new root it is a new sector. Of one sector only the first
 * mismatch counts.
 */
import { toHex, type Windows } from "../core/mod.ts";

/** A committed piece that is not the filler, confirmed by both implementations. */
export type Mismatch = { readonly at: number; readonly root: Uint8Array };

export type Guilt = {
  /** The score is 0 before this moment, wall clock in milliseconds; 0 if never. */
  readonly zeroUntil: number;
  /** The same, of fraud alone. */
  readonly fraudUntil: number;
  /** The hotkey earns nothing any more. */
  readonly isBarred: boolean;
  /** Roots in hex that no longer count. */
  readonly badRoots: ReadonlySet<string>;
};

const MISMATCHES_OF_FRAUD = 3;
const MISMATCH_ZERO_DAYS = 1;
const FRAUD_WITHIN_DAYS = 30;
const FRAUD_ZERO_DAYS = 7;
const BARRED_WITHIN_DAYS = 90;

/**
 * Judges all mismatches of one hotkey.
 *
 * Each bad sector zeroes the score for 24 hours. The third within 30 days is fraud: 0 for 7 days, and the count restarts. A
 * second fraud within 90 days bars the hotkey for good.
 *
 * @param mismatches In order of time.
 */
export function judgeMismatches(mismatches: readonly Mismatch[], windows: Windows): Guilt {
  const badRoots = new Set<string>();
  const frauds: number[] = [];
  let recent: number[] = [];
  let zeroUntil = 0;
  let fraudUntil = 0;
  let isBarred = false;
  for (const { at, root } of mismatches) {
    const key = toHex(root);
    if (badRoots.has(key)) continue;
    badRoots.add(key);
    recent = [...recent.filter((before) => at - before < FRAUD_WITHIN_DAYS * windows.dayMs), at];
    zeroUntil = Math.max(zeroUntil, at + MISMATCH_ZERO_DAYS * windows.dayMs);
    if (recent.length >= MISMATCHES_OF_FRAUD) {
      isBarred ||= frauds.some((before) => at - before < BARRED_WITHIN_DAYS * windows.dayMs);
      frauds.push(at);
      recent = [];
      fraudUntil = at + FRAUD_ZERO_DAYS * windows.dayMs;
      zeroUntil = Math.max(zeroUntil, fraudUntil);
    }
  }
  return { zeroUntil, fraudUntil, isBarred, badRoots };
}
