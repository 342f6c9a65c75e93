/** Saying something again and again while a role works. */
import { type Log, describeError } from "../lib/core/mod.ts";

/**
 * Calls `say` every `seconds` until the signal aborts. A failure is logged and does not end the role.
 */
export function sayEvery(seconds: number, signal: AbortSignal, log: Log, say: () => void): void {
  const timer = setInterval(() => {
    try {
      say();
    } catch (error) {
      log.warn("The status could not be told", { reason: describeError(error) });
    }
  }, seconds * 1000);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
