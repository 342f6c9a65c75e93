/** Waiting with a bound: whatever the chain does, a caller hears of it in time and learns what was waited for. */
import { BtstoreError } from "../core/mod.ts";

/** What a wait gives up on. */
export type WaitLimits = { readonly timeoutMs: number; readonly signal?: AbortSignal };

/**
 * Waits for a promise.
 *
 * @param action What fails if it does not come: `Cannot read the metagraph of subnet 1`.
 * @param what What is waited for: `an answer of the chain`.
 * @throws {BtstoreError} `chain` after the time is up, `cancelled` when the signal aborts, or what the promise throws.
 */
export function within<T>(promise: Promise<T>, action: string, what: string, limits: WaitLimits): Promise<T> {
  const { timeoutMs, signal } = limits;
  return new Promise((resolve, reject) => {
    const onAbort = () => settle(() => reject(new BtstoreError("cancelled", `${action}: cancelled`)));
    const timer = setTimeout(() => settle(() => reject(new BtstoreError("chain", `${action}: waited ${timeoutMs / 1000} s for ${what}`))), timeoutMs);
    const settle = (end: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      end();
    };
    if (signal?.aborted) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    promise.then((value) => settle(() => resolve(value)), (error: unknown) => settle(() => reject(error)));
  });
}
