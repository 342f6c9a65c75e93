/**
 * Every limit of the wire, in one table: sizes, who may call, rates, counts and time-outs; and the token buckets that
 * apply the rates.
 *
 * Sizes follow from the messages of `lib/audit/message.ts`: hop requests are 64 bytes, hop answers 1 KiB, opening
 * answers 16 hops × 2 pieces × (2,048 + 7 × 32 + 1 + at most 21 × 32) = 94,240 bytes, declarations 65,536 roots of
 * 32 bytes = 2 MiB and a head. Transcripts keep an audit's answers as they came, so whatever is taken here must fit into
 * what `lib/audit/transcript.ts` reads: openings are held to their exact length; hop answers may be wrong in length too.
 * Messages of the old protocol are JSON with both ends in it: a kilobyte, and their fields.
 */
import type { LegacyName } from "./legacy.ts";
import type { SynapseName } from "./synapse.ts";

/** A message of any protocol an axon speaks. */
export type MessageName = SynapseName | LegacyName;

/** A token bucket's rate: one token per request. */
export type Rate = { readonly perSecond: number; readonly burst: number };

/** One message's row. */
export type SynapseLimits = {
  readonly requestBytesMax: number;
  readonly responseBytesMax: number;
  /** Who may call: every registered hotkey, or only those with a validator permit. */
  readonly callers: "registered" | "permit";
  /** Per hotkey. Audits have a rate of their own, which follows the declared size (`createAxon`'s `rateOf`). */
  readonly rate: Rate;
};

export type WireLimits = {
  readonly synapses: Readonly<Record<MessageName, SynapseLimits>>;
  /** Names and values of all headers together, in bytes. Bun refuses more than 16 KiB by itself. */
  readonly headerBytesMax: number;
  /** Per address (IPv6: per /64), spent before the signature is looked at. */
  readonly addressRate: Rate;
  /** Per /48 of IPv6, beside it. */
  readonly networkRate: Rate;
  /** Tokens of both buckets that a wrong signature costs: it made us compute for a millisecond or two. */
  readonly badSignatureTokens: number;
  /** Wrong signatures in all, from addresses without precedence: 50 in a second take 4 % of one core. */
  readonly forgeryRate: Rate;
  /** For how long an address has precedence after a hotkey authenticated from there, in milliseconds. Validators ping every half minute. */
  readonly knownMs: number;
  /** Signed refusals per hotkey; beyond them a refusal is unsigned and costs no cryptography. */
  readonly refusalRate: Rate;
  /** Addresses with a bucket, at most. Beyond, those that were idle longest begin anew. */
  readonly bucketsMax: number;
  /** Bodies coming in at once: in all, and per address. */
  readonly bodiesMax: number;
  readonly bodiesPerAddressMax: number;
  /** Requests at work at once: in all, and per hotkey. */
  readonly workMax: number;
  readonly workPerHotkeyMax: number;
  /** For a request's body to come in whole, in milliseconds, and the pace that a longer one must keep. */
  readonly bodyMs: number;
  readonly bodyBytesPerSecondMin: number;
  /** How long the axon keeps an idle connection, in seconds. Twice the dendrite's, so that the dendrite drops it first. */
  readonly axonIdleSeconds: number;
  /** How long the dendrite keeps an idle connection, in seconds. */
  readonly dendriteIdleSeconds: number;
  /** For a connection to open, in milliseconds. */
  readonly connectMs: number;
  /** Idle connections the dendrite keeps per miner. */
  readonly idlePerPeerMax: number;
  readonly replayPairsMax: number;
  readonly replayPairsPerHotkeyMax: number;
};

const KIB = 1024;

export const WIRE_LIMITS: WireLimits = {
  synapses: {
    Ping: { requestBytesMax: 256, responseBytesMax: KIB, callers: "registered", rate: { perSecond: 2, burst: 20 } },
    Declaration: { requestBytesMax: 256, responseBytesMax: 2049 * KIB, callers: "permit", rate: { perSecond: 0.5, burst: 10 } },
    Hops: { requestBytesMax: 256, responseBytesMax: 4 * KIB, callers: "permit", rate: { perSecond: 1, burst: 20 } },
    Openings: { requestBytesMax: 256, responseBytesMax: 94_240, callers: "permit", rate: { perSecond: 1, burst: 20 } },
    Notice: { requestBytesMax: 4 * KIB, responseBytesMax: KIB, callers: "permit", rate: { perSecond: 0.1, burst: 10 } },
    Synapse: { requestBytesMax: 4 * KIB, responseBytesMax: 4 * KIB, callers: "registered", rate: { perSecond: 2, burst: 20 } },
    GetAllocation: { requestBytesMax: 4 * KIB, responseBytesMax: 4 * KIB, callers: "registered", rate: { perSecond: 0.5, burst: 10 } },
    Retrieve: { requestBytesMax: 4 * KIB, responseBytesMax: 8 * KIB, callers: "registered", rate: { perSecond: 2, burst: 20 } },
    Store: { requestBytesMax: 16 * KIB, responseBytesMax: 4 * KIB, callers: "registered", rate: { perSecond: 2, burst: 20 } },
  },
  headerBytesMax: 8 * KIB,
  addressRate: { perSecond: 100, burst: 200 },
  networkRate: { perSecond: 400, burst: 800 },
  badSignatureTokens: 10,
  forgeryRate: { perSecond: 50, burst: 50 },
  knownMs: 600_000,
  refusalRate: { perSecond: 1, burst: 20 },
  bucketsMax: 65_536,
  bodiesMax: 1024,
  bodiesPerAddressMax: 32,
  workMax: 4096,
  workPerHotkeyMax: 8,
  bodyMs: 1_000,
  bodyBytesPerSecondMin: 16 * KIB,
  axonIdleSeconds: 120,
  dendriteIdleSeconds: 60,
  connectMs: 5_000,
  idlePerPeerMax: 2,
  replayPairsMax: 65_536,
  replayPairsPerHotkeyMax: 4_096,
};

/** Longest body any message may have, in bytes. */
export function requestBytesMax(limits: WireLimits): number {
  return Math.max(...Object.values(limits.synapses).map((row) => row.requestBytesMax));
}

/**
 * Token buckets by key. A bucket starts full; a request is let through if at least one whole token is there.
 *
 * At most `bucketsMax` keys are remembered; beyond that the one that was used longest ago is forgotten.
 */
export class TokenBuckets {
  readonly #bucketsMax: number;
  /** In order of last use. */
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(bucketsMax: number) {
    this.#bucketsMax = bucketsMax;
  }

  /** Takes one token and says whether it was there. */
  take(key: string, rate: Rate, monotonicMs: number): boolean {
    const bucket = this.#filled(key, rate, monotonicMs);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#bucketsMax) this.#buckets.delete(this.#buckets.keys().next().value!);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** Takes tokens that are owed already, whether they are there or not; never more than one burst below zero. */
  charge(key: string, rate: Rate, monotonicMs: number, tokens: number): void {
    const bucket = this.#filled(key, rate, monotonicMs);
    bucket.tokens = Math.max(-rate.burst, bucket.tokens - tokens);
    this.#buckets.set(key, bucket);
  }

  /** Whether a whole token is there. Takes none. */
  hasToken(key: string, rate: Rate, monotonicMs: number): boolean {
    return this.#buckets.has(key) ? this.#filled(key, rate, monotonicMs).tokens >= 1 : true;
  }

  /** Whole seconds until a token will be there, 1 to 3,600. */
  retryAfterSeconds(key: string, rate: Rate, monotonicMs: number): number {
    const missing = 1 - this.#filled(key, rate, monotonicMs).tokens;
    return Math.min(3600, Math.max(1, Math.ceil(missing / rate.perSecond)));
  }

  #filled(key: string, rate: Rate, monotonicMs: number): { tokens: number; atMs: number } {
    const bucket = this.#buckets.get(key);
    if (!bucket) return { tokens: rate.burst, atMs: monotonicMs };
    const grown = (Math.max(0, monotonicMs - bucket.atMs) / 1000) * rate.perSecond;
    bucket.tokens = Math.min(rate.burst, bucket.tokens + grown);
    bucket.atMs = monotonicMs;
    return bucket;
  }
}

/** Counts what is in hand by key, and nothing else: keys without any are not kept. */
export class OpenCounts {
  readonly #counts = new Map<string, number>();

  /** Adds one unless `max` are open. */
  enter(key: string, max: number): boolean {
    const count = this.#counts.get(key) ?? 0;
    if (count >= max) return false;
    this.#counts.set(key, count + 1);
    return true;
  }

  leave(key: string): void {
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) this.#counts.set(key, count - 1);
    else this.#counts.delete(key);
  }
}
