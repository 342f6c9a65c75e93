/**
 * What an audit can end in, and when an answer is late (DESIGN section 5).
 *
 * A peer's misbehaviour is a verdict, never an exception. `fail`, `late` and `offline` are misses; only unit checks can
 * amount to fraud (`fraud.ts`).
 */
import { AUDIT_DEADLINE_MS, ROUND_TRIP_ALLOWANCE_MS, WORKER_LAG_MAX_MS } from "../core/mod.ts";

/** What can be wrong with an answer. The set is closed; every kind of wrong byte has its own. */
export const FAULTS = [
  /** The miner answered with a refusal. */
  "refused",
  /** The openings did not come for as long as they may be asked again. */
  "silent",
  /** The hop answer is no hop answer. */
  "malformed_hops",
  /** The openings are no openings. */
  "malformed_openings",
  /** A path to the commitment has another length than its place in the sector demands. */
  "path_length",
  /** A piece fits neither its salted path nor its path to the commitment: the piece itself is wrong. */
  "piece_mismatch",
  /** A piece is not the committed one, or its path to the commitment is wrong. */
  "commitment_mismatch",
  /** Neither piece of the stripe leads to the salted root that was answered in time: the root is wrong. */
  "root_mismatch",
  /** The salted path of one piece does not lead to the stripe's salted root. */
  "salted_path_mismatch",
  /** The link answered in time is not the salted digest of the committed link piece. */
  "link_mismatch",
] as const;

export type Fault = (typeof FAULTS)[number];

/** Where a fault lies: which piece of which stripe, met at which hop. */
export type Place = {
  /** 0 to HOPS_PER_AUDIT − 1. */
  readonly hop: number;
  /** Index in the partition. */
  readonly stripeIndex: number;
  /** Index in the stripe. */
  readonly pieceIndex: number;
};

/** How one audit ended. */
export type Verdict =
  | { readonly kind: "pass" }
  | { readonly kind: "late"; readonly elapsedMs: number; readonly deadlineMs: number }
  /** `place` is null where the fault has none: the answer as a whole is missing or malformed. */
  | { readonly kind: "fail"; readonly fault: Fault; readonly place: Place | null }
  | { readonly kind: "offline" }
  /** Our own timing or our own network was at fault. Not counted. */
  | { readonly kind: "unknown" };

export type VerdictKind = Verdict["kind"];

/** How a verdict counts towards the score. */
export type Outcome = "pass" | "miss" | "unknown";

/** What a verdict counts as. */
export function outcomeOf(kind: VerdictKind): Outcome {
  return kind === "pass" || kind === "unknown" ? kind : "miss";
}

/**
 * The time a hop answer may take, in milliseconds.
 *
 * @param recentRoundTrips Milliseconds of recent pings to the same miner. The smallest counts, and at most
 *   ROUND_TRIP_ALLOWANCE_MS of it; without any, nothing is added, so that unanswered pings never buy time.
 */
export function deadline(recentRoundTrips: readonly number[]): number {
  const smallest = recentRoundTrips.length === 0 ? 0 : Math.min(...recentRoundTrips);
  return AUDIT_DEADLINE_MS + Math.min(ROUND_TRIP_ALLOWANCE_MS, Math.max(0, smallest));
}

/**
 * What the time of a hop answer alone decides.
 *
 * @param elapsedMs From before the first byte out to after the last byte in, by the timing worker's monotonic clock.
 * @param lagMs How long that worker itself stalled meanwhile, in milliseconds.
 * @returns `unknown` if our worker lagged, whatever the time; `late` past the deadline; null if the answer was in time.
 */
export function timeVerdict(elapsedMs: number, lagMs: number, deadlineMs: number): Verdict | null {
  if (lagMs > WORKER_LAG_MAX_MS) return { kind: "unknown" };
  return elapsedMs > deadlineMs ? { kind: "late", elapsedMs, deadlineMs } : null;
}
