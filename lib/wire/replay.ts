/**
 * Remembers which (hotkey, nonce) pairs were accepted, so that none is accepted twice.
 *
 * Bounded in time and in size. When it is full it refuses rather than forgets: forgetting inside the window would let
 * somebody fill it in order to replay. One hotkey can fill only its own share.
 *
 * Across a restart accepted pairs come from a file in shared memory (`nonce_file.ts`). Where that is missing or cannot be
 * believed, every nonce up to `notBeforeMs` is refused: the start of this process plus the allowed skew, since the
 * process before it had ended by then and accepted nothing further ahead. That costs callers two seconds, after a boot.
 */
import { MAX_AGE_MS, MAX_SKEW_MS } from "./btauth.ts";
import type { Ss58 } from "../core/mod.ts";
import { NonceFile, sweepNonceFiles } from "./nonce_file.ts";
import type { NoncePair } from "./nonce_file.ts";

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

/**
 * The store of one axon, going on where the process before it ended.
 *
 * @param path Its nonce file; without one only the times are left to go by.
 * @param processStartMs When this process began, wall clock.
 * @param nowMs Wall clock. Nonces too old to be taken again even if it was set back a little are left out.
 */
export function openReplayStore(bounds: ReplayBounds, path: string | undefined, processStartMs: number, nowMs: number, monotonicMs: number): ReplayStore {
  const earliestMs = Math.ceil(earliestNonceMs(processStartMs));
  const opened = path === undefined ? null : NonceFile.open(path, bounds.pairsMax, earliestMs);
  if (opened) sweepNonceFiles(nowMs);
  const store = new ReplayStore(bounds, opened?.sinceMs ?? earliestMs, opened?.file);
  const oldest = BigInt(Math.floor(nowMs) - RETENTION_MS) * 1_000_000n;
  for (const pair of opened?.pairs ?? []) if (pair.nonce >= oldest) store.restore(pair, monotonicMs);
  return store;
}

/** Earliest nonce that can be told from a replay after a restart, in wall-clock milliseconds. */
export function earliestNonceMs(processStartMs: number): number {
  return processStartMs + MAX_SKEW_MS;
}

export class ReplayStore {
  readonly #bounds: ReplayBounds;
  readonly #notBefore: bigint;
  readonly #file: NonceFile | undefined;
  /** Per hotkey: nonce → monotonic time of expiry, in the order of recording and thus of expiry. */
  readonly #accepted = new Map<Ss58, Map<bigint, number>>();
  #pairCount = 0;

  /**
   * @param notBeforeMs Wall clock: nonces up to here are refused. `earliestNonceMs(start of the process)`, or 0 for a
   *   hotkey that certainly was not served by another process within the last `MAX_AGE_MS` + `MAX_SKEW_MS`.
   * @param file Gets every pair that is recorded.
   */
  constructor(bounds: ReplayBounds, notBeforeMs: number, file?: NonceFile) {
    this.#bounds = bounds;
    this.#file = file;
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
    this.#remember(hotkey, nonce, pairs, monotonicMs);
    this.#file?.append({ hotkey, nonce });
    return "recorded";
  }

  /** Takes over a pair that an earlier process accepted, whatever the shares are. */
  restore({ hotkey, nonce }: NoncePair, monotonicMs: number): void {
    const pairs = this.#accepted.get(hotkey) ?? new Map<bigint, number>();
    if (!pairs.has(nonce)) this.#remember(hotkey, nonce, pairs, monotonicMs);
  }

  #remember(hotkey: Ss58, nonce: bigint, pairs: Map<bigint, number>, monotonicMs: number): void {
    pairs.set(nonce, monotonicMs + RETENTION_MS);
    this.#accepted.set(hotkey, pairs);
    this.#pairCount++;
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
