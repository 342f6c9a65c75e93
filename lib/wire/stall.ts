/**
 * Tells how long an event loop stood still: a ticker that should run every `TICK_MS` and says by how much it is late.
 *
 * Whatever the reason is, our own computing, a garbage collection, the kernel's scheduler or a suspended machine, the
 * next tick comes late by it. An answer may be handled before that tick, hence `lateMs` may be asked between ticks too.
 */

/** How often the ticker should run, in milliseconds. */
export const TICK_MS = 5;

export class StallWatch {
  #lastMs = 0;

  /** Begins to watch. All times are of one monotonic clock, in milliseconds. */
  start(nowMs: number): void {
    this.#lastMs = nowMs;
  }

  /** How late the tick now due is; 0 while it is not due yet. */
  lateMs(nowMs: number): number {
    return Math.max(0, nowMs - this.#lastMs - TICK_MS);
  }

  /** Notes that the ticker ran, and returns how late. */
  tick(nowMs: number): number {
    const lateMs = this.lateMs(nowMs);
    this.#lastMs = nowMs;
    return lateMs;
  }
}
