/**
 * What the axon answers: declarations, audits and notices, for validators whose partition is here.
 *
 * Nothing is kept between the two halves of an audit. Disk writers pause while hops are read, for at most a quarter of
 * any minute, so that an audit does not queue behind a fill.
 */
import { type Clock, type Log, type Ss58, type Windows, toHex } from "../core/mod.ts";
import {
  type Declaration, type HopAnswer, type HopRequest, type OpeningAnswer, type OpeningRequest, type StripeSource,
  declaredGeometry, decodeHopRequest, decodeNotice, decodeOpeningRequest, encodeHopAnswer, encodeOpenings, encodeSignedDeclaration, meanAuditDelay,
} from "../audit/mod.ts";
import { type MessageName, Refusal, type Rate, type SynapseHandler, type SynapseName, encodePing } from "../wire/mod.ts";
import type { Declarations } from "./declarations.ts";

/** One partition as it is served. */
export type Served = {
  readonly declarations: Declarations;
  /** The partition's stripes as filler or user data, whatever the declaration; `stripeCount` is taken from the declaration. */
  readonly source: Omit<StripeSource, "stripeCount">;
};

/** How hops and openings are computed; the product's is `lib/audit/answer.ts` with native hashes. */
export interface Answering {
  hops(source: StripeSource, request: HopRequest): Promise<HopAnswer>;
  openings(source: StripeSource, request: OpeningRequest): Promise<OpeningAnswer>;
}

/** Those who write to the disk while audits read from it. */
export interface Writers {
  pause(): void;
  resume(): void;
}

export type ServiceOptions = {
  /** The partition of a validator; null if there is none. */
  partitionOf(validator: Ss58): Served | null;
  answering: Answering;
  writers: Writers;
  clock: Clock;
  windows: Windows;
  log: Log;
};

/** What one miner answered since it started. */
export type AuditCounts = { hops: number; openings: number; refused: number; notices: number };

/** Writers pause for at most this share of any minute. */
const PAUSE_MS_PER_MINUTE = 15_000;
/** The bucket of audits: this many times the due rate, this many at once. */
const RATE_FACTOR = 4;
const RATE_BURST = 20;

const EMPTY = new Uint8Array(0);

export class AuditService {
  readonly counts: AuditCounts = { hops: 0, openings: 0, refused: 0, notices: 0 };
  readonly #options: ServiceOptions;
  /** Pauses of the last minute. */
  #pauses: { atMs: number; forMs: number }[] = [];
  #inFlight = 0;
  #pausedAtMs: number | null = null;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  /** Handlers for `createAxon`. */
  readonly routes: Readonly<Record<SynapseName, SynapseHandler>> = {
    Ping: async () => encodePing(),
    Declaration: async (caller) => {
      const signed = this.#options.partitionOf(caller)?.declarations.current() ?? null;
      return signed === null ? new Refusal("Unknown") : encodeSignedDeclaration(signed);
    },
    Hops: async (caller, body) => {
      const request = decodeHopRequest(body);
      const source = request === null ? new Refusal("MalformedMessage") : this.#sourceOf(caller, request.digest);
      if (request === null || source instanceof Refusal) return this.#refuse(source as Refusal);
      this.#beginPause();
      try {
        const answer = encodeHopAnswer(await this.#options.answering.hops(source, request));
        this.counts.hops++;
        return answer;
      } finally {
        this.#endPause();
      }
    },
    Openings: async (caller, body) => {
      const request = decodeOpeningRequest(body);
      const source = request === null ? new Refusal("MalformedMessage") : this.#sourceOf(caller, request.digest);
      if (request === null || source instanceof Refusal) return this.#refuse(source as Refusal);
      const answer = encodeOpenings(await this.#options.answering.openings(source, request));
      this.counts.openings++;
      return answer;
    },
    Notice: async (caller, body) => {
      const notice = decodeNotice(body);
      if (notice === null) return this.#refuse(new Refusal("MalformedMessage"));
      // Anybody with a permit could write alarms otherwise.
      if (!this.#options.partitionOf(caller)?.declarations.names(notice.root, notice.unitIndex)) return this.#refuse(new Refusal("Unknown"));
      this.counts.notices++;
      this.#options.log.error(
        `A validator found filler that differs from what was declared; check this machine's memory, then run "btstore verify --repair"`,
        { validator: caller, sectorRoot: toHex(notice.root), unit: notice.unitIndex, piece: notice.pieceIndex },
      );
      return EMPTY;
    },
  };

  /** Whether writers are to wait now; those that begin meanwhile, too. */
  get isPausing(): boolean {
    return this.#pausedAtMs !== null;
  }

  /** Audits of a validator: four times the due rate of what it was declared, twenty at once. */
  rateOf(caller: Ss58, name: MessageName): Rate | undefined {
    if (name !== "Hops" && name !== "Openings") return undefined;
    const declarations = this.#options.partitionOf(caller)?.declarations;
    if (!declarations) return undefined;
    const perSecond = (RATE_FACTOR * 1000) / meanAuditDelay(declarations.byteCount, this.#options.windows);
    return { perSecond, burst: RATE_BURST };
  }

  #sourceOf(caller: Ss58, digest: Uint8Array): StripeSource | Refusal {
    const served = this.#options.partitionOf(caller);
    const declaration: Declaration | null = served?.declarations.find(digest) ?? null;
    if (served === null || declaration === null || declaration.unitCount === 0) return new Refusal("Unknown");
    const { source } = served;
    return {
      stripeCount: declaredGeometry(declaration).stripeCount,
      readStripe: (stripeIndex) => source.readStripe(stripeIndex),
      commitmentPath: (stripeIndex) => source.commitmentPath(stripeIndex),
    };
  }

  #refuse(refusal: Refusal): Refusal {
    this.counts.refused++;
    return refusal;
  }

  #beginPause(): void {
    this.#inFlight++;
    const now = this.#options.clock.monotonic();
    this.#pauses = this.#pauses.filter(({ atMs }) => now - atMs < 60_000);
    const leftMs = PAUSE_MS_PER_MINUTE - this.#pauses.reduce((sum, { forMs }) => sum + forMs, 0);
    if (this.#pausedAtMs !== null || leftMs <= 0) return;
    this.#pausedAtMs = now;
    this.#options.writers.pause();
    // Audits of many validators may overlap for longer than writers can wait.
    void this.#options.clock.sleep(leftMs).then(() => this.#resume(now));
  }

  #endPause(): void {
    this.#inFlight--;
    if (this.#inFlight === 0 && this.#pausedAtMs !== null) this.#resume(this.#pausedAtMs);
  }

  /** Ends the pause that began at `startedAtMs`, unless it ended before. */
  #resume(startedAtMs: number): void {
    if (this.#pausedAtMs !== startedAtMs) return;
    this.#options.writers.resume();
    this.#pauses.push({ atMs: startedAtMs, forMs: this.#options.clock.monotonic() - startedAtMs });
    this.#pausedAtMs = null;
  }
}
