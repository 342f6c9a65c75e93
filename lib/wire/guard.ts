/**
 * What stands between an axon and addresses it knows nothing of: rates by address, room for bodies, and a budget for
 * signatures that turn out to be forged.
 *
 * Bun asks the handler before a body has come, so anybody can hold many bodies open for a few bytes each, and anybody
 * can send signatures that cost us 0.8 ms to refute. Limits per address do not hold against somebody who has many, so
 * both are bounded in all, and addresses from which a hotkey authenticated of late have precedence: a flood of
 * strangers shuts out strangers. One forgery ends an address's precedence.
 */
import { OpenCounts, TokenBuckets } from "./limits.ts";
import type { WireLimits } from "./limits.ts";
import { Refusal } from "./synapse.ts";

/** Where a request came from, as keys of buckets. */
export type Origin = {
  /** IPv4 as it is, also where it comes mapped into IPv6; of IPv6 the /64 that one subscriber has. */
  readonly host: string;
  /** Of IPv6 the /48 that one site has; of IPv4 the host. */
  readonly network: string;
};

/** A body that is coming in. Aborted when it has to make room. */
export type Intake = AbortController;

export class Guard {
  readonly #limits: WireLimits;
  readonly #hostBuckets: TokenBuckets;
  readonly #networkBuckets: TokenBuckets;
  readonly #forgeryBucket = new TokenBuckets(1);
  readonly #bodiesPerHost = new OpenCounts();
  /** Host → monotonic time until which it has precedence, in the order of these times. */
  readonly #known = new Map<string, number>();
  /** Bodies coming in, the oldest first. */
  readonly #strangers = new Set<Intake>();
  readonly #acquainted = new Set<Intake>();

  constructor(limits: WireLimits) {
    this.#limits = limits;
    this.#hostBuckets = new TokenBuckets(limits.bucketsMax);
    this.#networkBuckets = new TokenBuckets(limits.bucketsMax);
  }

  /** Counts a request; returns why it is refused, if it is. Neighbours in a /48 may be strangers to each other, so known addresses do not share its rate. */
  admit({ host, network }: Origin, nowMs: number): Refusal | null {
    const { addressRate, networkRate } = this.#limits;
    if (!this.#hostBuckets.take(host, addressRate, nowMs)) return new Refusal("TooManyRequests", this.#hostBuckets.retryAfterSeconds(host, addressRate, nowMs));
    if (this.#isKnown(host, nowMs) || this.#networkBuckets.take(network, networkRate, nowMs)) return null;
    return new Refusal("TooManyRequests", this.#networkBuckets.retryAfterSeconds(network, networkRate, nowMs));
  }

  /** Whether a signature from there may cost us its verification. */
  mayVerify({ host }: Origin, nowMs: number): boolean {
    return this.#isKnown(host, nowMs) || this.#forgeryBucket.hasToken("", this.#limits.forgeryRate, nowMs);
  }

  /** Books a signature that was wrong. */
  onForgery({ host, network }: Origin, nowMs: number): void {
    const { addressRate, networkRate, forgeryRate, badSignatureTokens } = this.#limits;
    this.#hostBuckets.charge(host, addressRate, nowMs, badSignatureTokens);
    this.#networkBuckets.charge(network, networkRate, nowMs, badSignatureTokens);
    if (!this.#isKnown(host, nowMs)) this.#forgeryBucket.take("", forgeryRate, nowMs);
    this.#known.delete(host);
  }

  /** Books a request that was proven to be a hotkey's, within that hotkey's rate: else one hotkey could make any number of addresses known. */
  onProof({ host }: Origin, nowMs: number): void {
    this.#known.delete(host);
    this.#known.set(host, nowMs + this.#limits.knownMs);
    if (this.#known.size > this.#limits.bucketsMax) this.#known.delete(this.#known.keys().next().value!);
  }

  /**
   * Makes room for one body: of too many, the one that a stranger has had us wait for longest goes, else the oldest of all.
   *
   * @returns For `leave`; null if there are too many from this host, or none that a stranger's may push out.
   */
  enter({ host }: Origin, nowMs: number): Intake | null {
    const { bodiesMax, bodiesPerAddressMax } = this.#limits;
    const isKnown = this.#isKnown(host, nowMs);
    const isFull = this.#strangers.size + this.#acquainted.size >= bodiesMax;
    const replaceable = this.#strangers.size > 0 ? this.#strangers : this.#acquainted;
    if (isFull && replaceable === this.#acquainted && !isKnown) return null;
    if (!this.#bodiesPerHost.enter(host, bodiesPerAddressMax)) return null;
    if (isFull) {
      const oldest = replaceable.values().next().value!;
      replaceable.delete(oldest);
      oldest.abort();
    }
    const intake = new AbortController();
    (isKnown ? this.#acquainted : this.#strangers).add(intake);
    return intake;
  }

  /** Ends what `enter` began, whether it was pushed out meanwhile or not. */
  leave({ host }: Origin, intake: Intake): void {
    this.#bodiesPerHost.leave(host);
    this.#strangers.delete(intake);
    this.#acquainted.delete(intake);
  }

  #isKnown(host: string, nowMs: number): boolean {
    return nowMs < (this.#known.get(host) ?? 0);
  }
}

/** The keys of an address's buckets. */
export function originOf(address: string): Origin {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return { host: mapped[1]!, network: mapped[1]! };
  if (!address.includes(":")) return { host: address, network: address };
  const [left = "", right] = (address.split("%")[0] ?? "").split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = right === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array<string>(zeros).fill("0"), ...tail];
  return { host: groups.slice(0, 4).join(":"), network: groups.slice(0, 3).join(":") };
}
