/**
 * Sizes, durations and amounts as people write and read them.
 *
 * Parsing is strict: a size that is not understood is refused, never guessed. Binary and decimal prefixes are told
 * apart (`GiB` = 2^30, `GB` = 10^9), as disks and Bittensor's users write both.
 */

const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1, b: 1,
  k: 1e3, kb: 1e3, m: 1e6, mb: 1e6, g: 1e9, gb: 1e9, t: 1e12, tb: 1e12, p: 1e15, pb: 1e15,
  kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40, pib: 2 ** 50,
};

/**
 * Parses a size such as `500GB`, `1.5 TiB` or `1048576`.
 *
 * @returns Bytes, a whole number of at most 2^53 − 1; null if the text is no size.
 */
export function parseSize(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*$/.exec(text);
  const factor = match ? SIZE_UNITS[match[2]!.toLowerCase()] : undefined;
  if (!match || factor === undefined) return null;
  const bytes = Math.floor(Number(match[1]) * factor);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** Bytes with a binary prefix and three significant digits: `1.50 GiB`. */
export function formatSize(bytes: number): string {
  const prefixes = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let step = 0;
  while (value >= 1024 && step < prefixes.length - 1) {
    value /= 1024;
    step++;
  }
  const digits = step === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${prefixes[step]}`;
}

/** A duration for people: `850 ms`, `12 s`, `3 min 20 s`, `5 h 2 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return "unknown";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const pair = (big: number, bigUnit: string, small: number, smallUnit: string) =>
    small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return pair(minutes, "min", seconds % 60, "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return pair(hours, "h", minutes % 60, "min");
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** Rao in one TAO (and in one alpha). */
export const RAO_PER_TAO = 1_000_000_000n;

/**
 * Parses an amount of TAO such as `0.5`.
 *
 * @returns Rao; null if the text is no amount or finer than a rao.
 */
export function parseTao(text: string): bigint | null {
  const match = /^\s*(\d{1,10})(?:\.(\d{1,9}))?\s*$/.exec(text);
  return match && BigInt(match[1]!) * RAO_PER_TAO + BigInt((match[2] ?? "").padEnd(9, "0"));
}

/** An amount in rao as TAO, for display only: `1.5 τ`. */
export function formatTao(rao: bigint): string {
  const fraction = (rao % RAO_PER_TAO).toString().padStart(9, "0").replace(/0+$/, "");
  return `${rao / RAO_PER_TAO}${fraction === "" ? "" : `.${fraction}`} τ`;
}
