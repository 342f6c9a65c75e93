/**
 * Remembers which (hotkey, nonce) pairs were accepted, so that none is accepted twice.
 *
 * Bounded in time and in size. When it is full it refuses rather than forgets: forgetting inside the window would let
 * somebody fill it in order to replay. One hotkey can fill only its own share.
 *
 * Across a restart nothing is stored. Instead every nonce up to `notBeforeMs` is refused, and the default for that is
 * the start of this process plus the allowed skew: the process before it had ended by then and accepted nothing further
 * ahead. It costs callers the first two seconds of a process's life, part of which goes into starting anyway, and it
 * needs no disk write per request and no file that could be lost or restored from a backup.
 */
import { MAX_AGE_MS, MAX_SKEW_MS } from "./btauth.ts";
import type { Ss58 } from "../core/mod.ts";

/**
 * How long a pair is remembered, in milliseconds of the monotonic clock. Twelve seconds would do (`MAX_AGE_MS` +
 * `MAX_SKEW_MS`); the standard's sixty also cover a wall clock that is set back by up to 48 s.
 */
const RETENTION_MS = 60_000;

export type ReplayBounds = {
  /** Pairs remembered in all. 65,536 pairs take about 10 MB. */
  readonly pairsMax: number;
  /** Pairs remembered for one hotkey. */
  readonly pairsPerHotkeyMax: number;
};

/** Earliest nonce that can be told from a replay after a restart, in wall-clock milliseconds. */
export function earliestNonceMs(processStartMs: number): number {
  return processStartMs + MAX_SKEW_MS;
}

export class ReplayStore {
  readonly #bounds: ReplayBounds;
  readonly #notBefore: bigint;
  /** Per hotkey: nonce → monotonic time of expiry, in the order of recording and thus of expiry. */
  readonly #accepted = new Map<Ss58, Map<bigint, number>>();
  #pairCount = 0;

  /**
   * @param notBeforeMs Wall clock: nonces up to here are refused. `earliestNonceMs(start of the process)`, or 0 for a
   *   hotkey that certainly was not served by another process within the last `MAX_AGE_MS` + `MAX_SKEW_MS`.
   */
  constructor(bounds: ReplayBounds, notBeforeMs: number) {
    this.#bounds = bounds;
    this.#notBefore = BigInt(Math.ceil(notBeforeMs)) * 1_000_000n;
  }

  /** Whether an earlier process may have accepted this nonce. Such a request is `StaleRequest`. */
  isBeforeStart(nonce: bigint): boolean {
    return nonce <= this.#notBefore;
  }

  /** Whether the pair was accepted. Cheap: asked before the signature is checked. */
  has(hotkey: Ss58, nonce: bigint): boolean {
    return this.#accepted.get(hotkey)?.has(nonce) ?? false;
  }

  /**
   * Records a pair. Only for requests whose signature verified, else strangers could use up nonces.
   *
   * @param monotonicMs The monotonic clock.
   * @returns `replayed` if it was there already, `full` if it cannot be remembered; both must be refused.
   */
  record(hotkey: Ss58, nonce: bigint, monotonicMs: number): "recorded" | "replayed" | "full" {
    const known = this.#accepted.get(hotkey);
    if (known) this.#forgetExpired(hotkey, known, monotonicMs);
    if (known?.has(nonce)) return "replayed";
    if (this.#pairCount >= this.#bounds.pairsMax) {
      for (const [other, pairs] of this.#accepted) this.#forgetExpired(other, pairs, monotonicMs);
    }
    // Looked up anew: forgetting removes a hotkey that has no pairs left.
    const pairs = this.#accepted.get(hotkey) ?? new Map<bigint, number>();
    if (this.#pairCount >= this.#bounds.pairsMax || pairs.size >= this.#bounds.pairsPerHotkeyMax) return "full";
    pairs.set(nonce, monotonicMs + RETENTION_MS);
    this.#accepted.set(hotkey, pairs);
    this.#pairCount++;
    return "recorded";
  }

  #forgetExpired(hotkey: Ss58, pairs: Map<bigint, number>, monotonicMs: number): void {
    for (const [nonce, expiryMs] of pairs) {
      if (expiryMs > monotonicMs) break;
      pairs.delete(nonce);
      this.#pairCount--;
    }
    if (pairs.size === 0) this.#accepted.delete(hotkey);
  }
}

// A pair must be remembered for as long as its nonce is fresh.
if (RETENTION_MS < MAX_AGE_MS + MAX_SKEW_MS) throw new RangeError("RETENTION_MS: expected the freshness window or more");
