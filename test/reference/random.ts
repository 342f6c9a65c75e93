/** Seeded randomness for tests and simulations: the same seed gives the same run anywhere. */
import { createHash } from "node:crypto";

/** A stream of numbers and bytes from one seed. Mulberry32 for numbers, SHA-256 in counter mode for bytes. */
export class SeededRandom {
  readonly #seed: number;
  #state: number;
  #blocks = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Uniform whole number from 0 to `count` − 1. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** `length` bytes. */
  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let offset = 0; offset < length; offset += 32) {
      const block = createHash("sha256").update(`${this.#seed}/${this.#blocks++}`).digest();
      out.set(block.subarray(0, Math.min(32, length - offset)), offset);
    }
    return out;
  }
}

/** Seeds 1 to `count`; `BTSTORE_SEED` in the environment replaces them by one, to run a reported failure again. */
export function seeds(count: number): number[] {
  const only = process.env.BTSTORE_SEED;
  return only === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(only)];
}
