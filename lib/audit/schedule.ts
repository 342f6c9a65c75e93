/**
 * When the next audit of a miner begins (DESIGN section 5): memoryless, so that no past says anything about the next.
 */
import type { Windows } from "../core/mod.ts";
import { uniform, type RandomBytes } from "./challenge.ts";

const TIB = 2 ** 40;

/** Mean time between audits up to one declared TiB, in (scaled) minutes; beyond, it shrinks as the declaration grows. */
const MEAN_MINUTES_MAX = 5;

/**
 * The mean waiting time between two audits of one pair, in real milliseconds. Also what the miner's token bucket is built on.
 *
 * @param declaredBytes Bytes in the declaration in force.
 */
export function meanAuditDelay(declaredBytes: number, windows: Windows): number {
  return (MEAN_MINUTES_MAX * windows.minuteMs) / Math.max(1, declaredBytes / TIB);
}

/**
 * Draws the waiting time until the next audit, in real milliseconds: exponential about `meanAuditDelay`.
 *
 * @param isTrusted What `Ledger.isTrusted` says. Roots can be invented for nothing: whoever is not trusted is audited as if it
 *   declared nothing, whatever it declares.
 */
export function nextAuditDelay(declaredBytes: number, windows: Windows, random: RandomBytes, isTrusted = true): number {
  return -meanAuditDelay(isTrusted ? declaredBytes : 0, windows) * Math.log(1 - uniform(random));
}
