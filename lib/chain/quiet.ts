/**
 * Keeps polkadot.js off the console. Its loggers print to the global console and know no switch, and one of them
 * ("Runtime version updated") prints to stdout, where a command's results belong.
 *
 * Only its own lines are taken, told by their two first arguments: a date, and a name in capitals with a colon, padded
 * to 16 characters (`@polkadot/util/logger`). They go to the log at debug level, cut short and without control characters.
 */
import type { Log } from "../core/mod.ts";

const DATE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;
const ORIGIN = /^ *[A-Z][A-Z0-9/-]*:$/;

/** Longest text kept of one line, in characters. */
const TEXT_MAX = 300;

let log: Log | null = null;

/** The functions put in place of the console's, so that none is put in place twice. */
const filters = new WeakSet<object>();

/** Sends polkadot.js's lines to `target` from now on; the last caller gets them. */
export function quietPolkadot(target: Log): void {
  log = target;
  for (const method of ["log", "warn", "error"] as const) {
    const print = console[method];
    if (filters.has(print)) continue;
    const filter = (...values: unknown[]) => {
      const [date, origin, ...rest] = values;
      if (typeof date !== "string" || typeof origin !== "string" || origin.length < 16 || !DATE.test(date) || !ORIGIN.test(origin)) {
        return print.apply(console, values);
      }
      log?.debug(`polkadot.js: ${cleanText(rest.map(String).join(" "))}`, { origin: origin.trim() });
    };
    filters.add(filter);
    console[method] = filter;
  }
}

/** A foreign text made safe for a log line or a message: no control characters, at most 300 characters. */
export function cleanText(text: string): string {
  return text.slice(0, TEXT_MAX).replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}
