/**
 * Progress of long work: bars redrawn at the foot of a terminal, a plain line every few seconds in a log, or nothing.
 *
 * Rates are measured over the last seconds, so that the time left follows what the disk does now.
 */
import { formatDuration, formatSize, type Clock, systemClock } from "../lib/core/mod.ts";
import type { Screen } from "./screen.ts";

/** Window of the measured rate, in milliseconds. */
const RATE_WINDOW_MS = 15_000;

const REDRAW_MS = 200;
const LINE_MS = 5_000;
const BAR_CELLS = 24;

export interface Bar {
  /** Says how much is done in all, in bytes; never goes back. */
  set(doneBytes: number): void;
  /** Marks it as complete. */
  finish(): void;
}

export interface Progress {
  /** Adds a bar. `totalBytes` of 0 is done at once. `startBytes` were there before (a resumed fill) and do not count for the rate. */
  bar(label: string, totalBytes: number, startBytes?: number): Bar;
  /** Stops redrawing; the last state stays on screen. */
  close(): void;
}

type Sample = { readonly at: number; readonly done: number };

/** One bar's numbers; also used for the sum of all. */
class Meter {
  #samples: Sample[];
  done: number;

  constructor(readonly label: string, readonly total: number, start: number, at: number) {
    this.done = start;
    this.#samples = [{ at, done: start }];
  }

  get isComplete(): boolean {
    return this.done >= this.total;
  }

  /** Takes a sample; keeps the newest one that is older than the window as its base. */
  sample(at: number): void {
    // Waiting for its turn is no part of its rate.
    if (this.#samples.length === 1 && this.done === this.#samples[0]!.done) this.#samples = [];
    this.#samples.push({ at, done: this.done });
    while (this.#samples.length > 2 && this.#samples[1]!.at < at - RATE_WINDOW_MS) this.#samples.shift();
  }

  /** Bytes per second over the window; 0 before anything is known. */
  get rate(): number {
    const first = this.#samples[0]!;
    const last = this.#samples.at(-1)!;
    return last.at <= first.at ? 0 : ((last.done - first.done) / (last.at - first.at)) * 1000;
  }

  text(): string {
    const share = this.total === 0 ? 1 : this.done / this.total;
    const left = this.isComplete ? "done" : this.rate > 0 ? `${formatSize(this.rate)}/s  ${formatDuration(((this.total - this.done) / this.rate) * 1000)} left` : "";
    return `${`${Math.floor(share * 100)}`.padStart(3)} %  ${formatSize(this.done)} of ${formatSize(this.total)}  ${left}`.trimEnd();
  }

  cells(): string {
    const full = this.total === 0 ? BAR_CELLS : Math.floor((this.done / this.total) * BAR_CELLS);
    return "█".repeat(full) + "░".repeat(BAR_CELLS - full);
  }
}

/** Those that a terminal has room for: finished ones give way first, then the last. */
function visible(meters: readonly Meter[], room: number): readonly Meter[] {
  if (meters.length <= room) return meters;
  const unfinished = meters.filter((meter) => !meter.isComplete);
  return (unfinished.length > 0 ? unfinished : meters).slice(0, Math.max(0, room));
}

/**
 * Begins to show progress on the screen.
 *
 * @param mode "auto": bars on a terminal, lines elsewhere; "none" when only JSON is wanted.
 */
export function openProgress(screen: Screen, mode: "auto" | "none", clock: Clock = systemClock): Progress & { tick(): void } {
  const meters: Meter[] = [];
  let sum = new Meter("all", 0, 0, clock.monotonic());
  let lineAt = clock.monotonic();

  const tick = () => {
    if (mode === "none" || meters.length === 0) return;
    const now = clock.monotonic();
    sum.done = meters.reduce((total, meter) => total + meter.done, 0);
    for (const meter of [...meters, sum]) meter.sample(now);
    const shown = meters.length > 1 ? [...visible(meters, screen.footerRows - 1), sum] : meters;
    const width = Math.max(...shown.map(({ label }) => label.length));
    if (screen.isTerminal) screen.setFooter(shown.map((meter) => `${meter.label.padEnd(width)}  ${meter.cells()}  ${meter.text()}`));
    else if (now - lineAt >= LINE_MS || sum.done >= sum.total) {
      if (lineAt !== Number.POSITIVE_INFINITY) screen.print(`${meters.length > 1 ? `${meters.length} partitions` : meters[0]!.label}: ${sum.text().trimStart()}`);
      lineAt = sum.done >= sum.total ? Number.POSITIVE_INFINITY : now;
    }
  };
  const timer = mode === "none" ? undefined : setInterval(tick, REDRAW_MS);
  timer?.unref();

  return {
    tick,
    bar(label, totalBytes, startBytes = 0) {
      const meter = new Meter(label, totalBytes, startBytes, clock.monotonic());
      meters.push(meter);
      sum = new Meter("all", meters.reduce((total, { total: own }) => total + own, 0), meters.reduce((total, { done }) => total + done, 0), clock.monotonic());
      if (lineAt === Number.POSITIVE_INFINITY) lineAt = clock.monotonic();
      return {
        set: (doneBytes) => void (meter.done = Math.min(Math.max(meter.done, doneBytes), totalBytes)),
        finish: () => void (meter.done = totalBytes),
      };
    },
    close() {
      clearInterval(timer);
      tick();
      screen.close();
    },
  };
}
