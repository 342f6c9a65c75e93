/**
 * Time, as an argument. Rules never read a clock themselves; tests and simulations pass their own.
 *
 * Protocol windows (audit rate, scoring windows, declaration rate) are written for 12-second blocks and shrink with the
 * chain's own block time, so that a chain with faster blocks runs the whole protocol faster by the same factor.
 * Deadlines, round trips and everything physical are never scaled.
 */
import { STANDARD_BLOCK_MS } from "./constants.ts";

export interface Clock {
  /** Wall clock, milliseconds since 1970; may jump. For records and windows. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes back. For durations. */
  monotonic(): number;
  /** Resolves after `ms`, or rejects with `signal.reason` once it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal!.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
};

/** The protocol's windows in real milliseconds, for one chain. */
export type Windows = {
  /** Standard block time over this chain's: 1 on finney, 60 on a devnet of 0.2 s blocks. */
  readonly scale: number;
  readonly minuteMs: number;
  readonly hourMs: number;
  readonly dayMs: number;
  readonly weekMs: number;
};

/**
 * Windows for a chain.
 *
 * @param blockMs The chain's block time in milliseconds (constant `Aura.SlotDuration`), 1 to 60,000.
 */
export function windowsFor(blockMs: number): Windows {
  if (!(blockMs >= 1 && blockMs <= 60_000)) throw new RangeError(`blockMs: expected 1 to 60000, got ${blockMs}`);
  const scale = STANDARD_BLOCK_MS / blockMs;
  return {
    scale,
    minuteMs: 60_000 / scale,
    hourMs: 3_600_000 / scale,
    dayMs: 86_400_000 / scale,
    weekMs: 604_800_000 / scale,
  };
}
