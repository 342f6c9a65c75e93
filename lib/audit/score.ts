/**
 * What a miner earns: verified bytes (DESIGN section 5). Pure functions of a history and a moment.
 *
 * Score = W(audits) × (counted user and released bytes + counted filler bytes × W(unit checks of the current roots)), where W
 * is the lower end of the Wilson 95 % interval over 7 days. W(audits) is the smaller of that and the mean of the hourly pass
 * shares of the last 24 hours, so that leaving costs as fast as entering pays; hours without a counted audit are left out,
 * and so are those before the first declaration, since they have none.
 */
import type { Windows } from "../core/mod.ts";
import { judgeMismatches, type Mismatch } from "./fraud.ts";

/** Hours the windows are made of. */
export const SCORE_HOURS = 7 * 24;
const RECENT_HOURS = 24;

/** z of the two-sided 95 % interval. */
const Z = 1.96;

/** Unknowns are free up to this many times the network's median share. */
const UNKNOWN_ALLOWANCE = 2;

/** Audits of one hour, `hoursAgo` = 0 for the last 60 (scaled) minutes, up to SCORE_HOURS − 1. */
export type HourTally = { readonly hoursAgo: number; readonly passes: number; readonly misses: number; readonly unknowns: number };

/** How many bytes were declared from `at` on, until the next entry. */
export type DeclaredSpan = { readonly at: number; readonly bytes: number };

/** All that a score hangs on, of one miner at one moment. */
export type History = {
  readonly hours: readonly HourTally[];
  /** In order of time; the last is in force. At least all of the last 24 hours, and the one in force when they began. */
  readonly declared: readonly DeclaredSpan[];
  /** Sectors declared now, at least those whose root a unit check or mismatch names: hex of the root, bytes. */
  readonly sectors: ReadonlyMap<string, number>;
  /** Of the bytes declared now, those holding user data or data released since. */
  readonly userBytes: number;
  /** Unit checks of the last 7 days against roots declared now; of one root only the first mismatch. */
  readonly unitChecks: { readonly matches: number; readonly mismatches: number };
  /** Every mismatch of the hotkey ever, in order of time. */
  readonly mismatches: readonly Mismatch[];
};

export type Score = {
  /** Verified bytes: what weights are made of. */
  readonly bytes: number;
  /** W(audits). */
  readonly auditFactor: number;
  /** W(unit checks). */
  readonly unitFactor: number;
  readonly countedBytes: number;
  /** Set while mismatches hold the score at 0. */
  readonly penalty: "none" | "mismatch" | "fraud" | "barred";
};

/**
 * Lower end of the Wilson score interval at 95 % (Wilson 1927), z = 1.96.
 *
 * @param passes 0 to `count`; need not be whole.
 * @param count 0 gives 0.
 */
export function wilsonLower(passes: number, count: number): number {
  if (count <= 0) return 0;
  const share = passes / count;
  const spread = Z * Math.sqrt((share * (1 - share)) / count + (Z * Z) / (4 * count * count));
  return Math.max(0, (share + (Z * Z) / (2 * count) - spread) / (1 + (Z * Z) / count));
}

/** The share of a miner's audits of the last 7 days that ended `unknown`; 0 without audits. */
export function unknownShare({ hours }: Pick<History, "hours">): number {
  const { all, unknowns } = totals(hours);
  return all === 0 ? 0 : unknowns / all;
}

/**
 * Scores one miner.
 *
 * @param windows The chain's windows.
 * @param now Wall clock, milliseconds.
 * @param medianUnknownShare The network's median of `unknownShare`. What a miner has over twice that counts as misses.
 */
export function score(history: History, windows: Windows, now: number, medianUnknownShare: number): Score {
  const guilt = judgeMismatches(history.mismatches, windows);
  const auditFactor = auditFactorOf(history, medianUnknownShare);
  const { matches, mismatches } = history.unitChecks;
  const unitFactor = wilsonLower(matches, matches + mismatches);
  let badBytes = 0;
  for (const [root, bytes] of history.sectors) if (guilt.badRoots.has(root)) badBytes += bytes;
  const countedBytes = Math.max(0, countedBytesOf(history, windows, now) - badBytes);
  const userBytes = Math.min(history.userBytes, countedBytes);
  const isZero = guilt.isBarred || now < guilt.zeroUntil;
  return {
    bytes: isZero ? 0 : auditFactor * (userBytes + (countedBytes - userBytes) * unitFactor),
    auditFactor,
    unitFactor,
    countedBytes,
    penalty: guilt.isBarred ? "barred" : now < guilt.fraudUntil ? "fraud" : isZero ? "mismatch" : "none",
  };
}

/** Scores every miner of a network, with the network's own median of unknowns. */
export function scoreNetwork<Key>(histories: ReadonlyMap<Key, History>, windows: Windows, now: number): Map<Key, Score> {
  const audited = [...histories.values()].filter(({ hours }) => hours.length > 0);
  const medianShare = median(audited.map(unknownShare));
  return new Map([...histories].map(([key, history]) => [key, score(history, windows, now, medianShare)]));
}

/** Scores as weights that sum to 1; empty if nobody has a score. */
export function weights<Key>(scores: ReadonlyMap<Key, Score>): Map<Key, number> {
  let sum = 0;
  for (const { bytes } of scores.values()) sum += bytes;
  return sum === 0 ? new Map() : new Map([...scores].map(([key, { bytes }]) => [key, bytes / sum]));
}

/** W(audits). */
export function auditFactorOf({ hours }: Pick<History, "hours">, medianUnknownShare: number): number {
  const { all, passes, misses, unknowns } = totals(hours);
  const excess = Math.max(0, unknowns - UNKNOWN_ALLOWANCE * medianUnknownShare * all);
  // Which unknowns are the excess cannot be said, so each counts as that part of a miss.
  const missPerUnknown = unknowns === 0 ? 0 : excess / unknowns;
  const shares: number[] = [];
  for (const hour of hours) {
    const counted = hour.passes + hour.misses + hour.unknowns * missPerUnknown;
    if (hour.hoursAgo < RECENT_HOURS && counted > 0) shares.push(hour.passes / counted);
  }
  if (shares.length === 0) return 0;
  const recent = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return Math.min(wilsonLower(passes, passes + misses + excess), recent);
}

/** The smaller of what is declared now and the mean over the last 24 hours, nothing declared before the first entry. */
export function countedBytesOf({ declared }: Pick<History, "declared">, windows: Windows, now: number): number {
  const dayStart = now - windows.dayMs;
  let byteMs = 0;
  for (const [i, { at, bytes }] of declared.entries()) {
    const until = Math.min(now, declared[i + 1]?.at ?? now);
    byteMs += bytes * Math.max(0, until - Math.max(at, dayStart));
  }
  return Math.min(declared.at(-1)?.bytes ?? 0, byteMs / windows.dayMs);
}

function totals(hours: readonly HourTally[]): { all: number; passes: number; misses: number; unknowns: number } {
  const sum = { all: 0, passes: 0, misses: 0, unknowns: 0 };
  for (const { passes, misses, unknowns } of hours) {
    sum.passes += passes;
    sum.misses += misses;
    sum.unknowns += unknowns;
    sum.all += passes + misses + unknowns;
  }
  return sum;
}

function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
