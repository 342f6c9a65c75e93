/**
 * The validator's loops over its peers; the acts themselves are `auditor.ts`, the rule of when weights go out `rounds.ts`.
 */
import { randomBytes } from "node:crypto";
import { type Clock, type Log, type Ss58, type Windows, BtstoreError, describeError, windowsFor } from "../core/mod.ts";
import { type ComputeUnit, type History, type RandomBytes, type Score, nextAuditDelay, scoreNetwork, uniform, weights } from "../audit/mod.ts";
import type { Chain, Metagraph } from "../chain/mod.ts";
import type { Hotkey } from "../wallet/mod.ts";
import type { Dendrite } from "../wire/mod.ts";
import { Auditor } from "./auditor.ts";
import type { Ledgers } from "./ledgers.ts";
import { Peer } from "./peer.ts";
import type { MinerRow, ValidatorReport } from "./report.ts";
import { weightsDue } from "./rounds.ts";

export type ValidatorOptions = {
  hotkey: Hotkey;
  netuid: number;
  chain: Chain;
  dendrite: Dendrite;
  /** One ledger per miner, `hashes-<miner>` in our folder. */
  ledgers: Pick<Ledgers, "open" | "has" | "release">;
  /** Recomputes a unit: the native core. */
  computeUnit: ComputeUnit;
  clock: Clock;
  log: Log;
  /** Which rules these weights follow; the chain may demand a newer one. */
  versionKey: number;
};

/** Blocks between two looks at the metagraph. */
const METAGRAPH_BLOCKS = 5;
/** Mean time between two pings of one miner; round trips are physical and do not scale. */
const PING_MEAN_MS = 30_000;
/** Mean protocol minutes between two requests for a declaration, and the least in real time. */
const COLLECT_MINUTES = 2;
const COLLECT_MS_MIN = 2_000;
/** An audit whose timing was our own fault is repeated within this time. */
const AGAIN_MS = 5_000;
/** Ledgers forget what is too old this often, in protocol hours. */
const PRUNE_HOURS = 6;
/** After a refusal of the chain, weights are tried again after this many blocks. */
const RETRY_BLOCKS = 5;
/** A miner whose books cannot be read. */
const UNSCORED = { bytes: 0, countedBytes: 0, penalty: "none" } as const;
/** Where a miner is that the chain knows no axon of. */
const NOWHERE = { ip: "0.0.0.0", port: 0 };
/** Somebody answered within this time: our line works. */
const ALIVE_MS = 60_000;
/** Peers at once in a single round. */
const ONCE_PARALLEL = 16;
/** Audits of one peer in a single round, if our own worker keeps lagging. */
const ONCE_ATTEMPTS = 4;

export class Validator {
  readonly #options: ValidatorOptions;
  readonly #windows: Windows;
  readonly #auditor: Auditor;
  readonly #peers = new Map<Ss58, Peer>();
  readonly #random: RandomBytes = (length) => new Uint8Array(randomBytes(length));
  #metagraph: Metagraph;
  #weightsRefusal: string | null = null;
  #retryBlock = 0;

  private constructor(options: ValidatorOptions, metagraph: Metagraph) {
    this.#options = options;
    this.#windows = windowsFor(options.chain.blockMs);
    this.#metagraph = metagraph;
    const { hotkey, netuid, chain, dendrite, computeUnit, clock, log } = options;
    this.#auditor = new Auditor({
      hotkey, netuid, genesisHash: chain.genesisHash, dendrite, computeUnit, clock, windows: this.#windows, random: this.#random, log,
      isNetworkAlive: (but) => this.#isNetworkAlive(but),
    });
    this.#follow();
  }

  /**
   * Finds its place on the subnet.
   *
   * @throws {BtstoreError} `not_registered` if the hotkey is not on the subnet; `chain` if the chain does not answer.
   */
  static async open(options: ValidatorOptions): Promise<Validator> {
    const metagraph = await options.chain.metagraph(options.netuid);
    const validator = new Validator(options, metagraph);
    const own = validator.#own();
    if (!own) {
      throw new BtstoreError("not_registered", `Cannot validate: hotkey ${options.hotkey.ss58} is not registered on subnet ${options.netuid}; register it there first`);
    }
    if (!own.hasValidatorPermit) options.log.warn("This hotkey has no validator permit yet: miners refuse its audits until stake and one epoch give it one");
    return validator;
  }

  /** Works until the signal aborts; then every loop has ended. */
  async run(signal: AbortSignal): Promise<void> {
    const { chain, log } = this.#options;
    const loops: Promise<void>[] = [];
    const begin = (peer: Peer) => {
      const stop = AbortSignal.any([signal, peer.stop.signal]);
      for (const loop of [this.#collectLoop(peer, stop), this.#pingLoop(peer, stop), this.#auditLoop(peer, stop)]) {
        const ended = loop.catch((error) => void (stop.aborted || log.error("A loop of the validator ended", { miner: peer.hotkey, reason: describeError(error) })));
        peer.owe(ended);
        loops.push(ended);
      }
    };
    for (const peer of this.#peers.values()) begin(peer);
    let isBusy = false;
    const unsubscribe = chain.onHead((head) => {
      if (isBusy) return;
      isBusy = true;
      void this.#onHead(head.number, begin)
        .catch((error) => log.warn("The chain could not be followed", { reason: describeError(error) }))
        .finally(() => void (isBusy = false));
    });
    try {
      await Promise.all([this.#unitCheckLoop(signal), this.#pruneLoop(signal)]).catch((error) => {
        if (!signal.aborted) throw error;
      });
    } finally {
      unsubscribe();
      for (const peer of this.#peers.values()) peer.stop.abort();
      await Promise.allSettled(loops);
    }
  }

  /** One round: every miner declares, is audited once and has one unit checked; then weights are set if the chain takes them. */
  async runOnce(signal: AbortSignal): Promise<void> {
    const waiting = [...this.#peers.values()];
    const worker = async () => {
      for (let peer = waiting.shift(); peer && !signal.aborted; peer = waiting.shift()) {
        await this.#auditor.ping(peer, signal);
        await this.#auditor.collect(peer, signal);
        for (let attempts = ONCE_ATTEMPTS; attempts > 0; attempts--) {
          const { again, booked } = await this.#auditor.audit(peer, signal);
          await booked;
          if (!again) break;
        }
      }
    };
    await Promise.all(Array.from({ length: ONCE_PARALLEL }, worker));
    for (const peer of this.#peers.values()) if (!signal.aborted) await this.#auditor.checkUnit(peer, this.#options.clock.now() + this.#windows.hourMs, signal);
    signal.throwIfAborted();
    await this.#setWeights();
  }

  /** The facts of the moment. */
  report(): ValidatorReport {
    const { hotkey, chain, clock } = this.#options;
    const now = clock.now();
    const scores = this.#scores(now);
    const shares = weights(scores);
    const incentives = new Map(this.#metagraph.neurons.map((neuron) => [neuron.hotkey, neuron.incentive]));
    const miners = [...this.#peers.values()].sort((a, b) => a.uid - b.uid).map((peer): MinerRow => {
      const { audits, lastElapsedMs, unitChecks } = peer.ledger.summary(now);
      const { bytes, countedBytes, penalty } = scores.get(peer.hotkey) ?? UNSCORED;
      return {
        uid: peer.uid, hotkey: peer.hotkey, declaredBytes: peer.declaredBytes, scoreBytes: Math.floor(bytes),
        verifiedBytes: countedBytes === 0 ? 0 : Math.floor((peer.declaredBytes * bytes) / countedBytes),
        passed: audits.pass, failed: audits.fail, late: audits.late, offline: audits.offline, unknown: audits.unknown,
        unitMatches: unitChecks.matches, unitMismatches: unitChecks.mismatches, latencyMs: lastElapsedMs,
        weight: shares.get(peer.hotkey) ?? 0, incentive: incentives.get(peer.hotkey) ?? 0, penalty,
      };
    });
    const own = this.#own();
    return {
      validator: hotkey.ss58, block: chain.head().number, isChainConnected: chain.isConnected(), hasPermit: own?.hasValidatorPermit ?? false,
      weightsBlock: own?.lastUpdate ?? 0, weightsRefusal: this.#weightsRefusal, miners,
    };
  }

  #own() {
    return this.#metagraph.neurons.find(({ hotkey }) => hotkey === this.#options.hotkey.ss58);
  }

  /** Scores of all miners whose books can be read. */
  #scores(now: number): Map<Ss58, Score> {
    const histories = new Map<Ss58, History>();
    for (const { hotkey, ledger } of this.#peers.values()) {
      try {
        histories.set(hotkey, ledger.history(now));
      } catch (error) {
        this.#options.log.error("A miner's ledger cannot be read; it gets no weight", { miner: hotkey, reason: describeError(error) });
      }
    }
    return scoreNetwork(histories, this.#windows, now);
  }

  /** Makes the peers those that the metagraph names; returns the new ones. */
  #follow(): Peer[] {
    const { hotkey, ledgers, clock, log } = this.#options;
    const fresh: Peer[] = [];
    const present = new Set<Ss58>();
    for (const neuron of this.#metagraph.neurons) {
      if (neuron.hotkey === hotkey.ss58) continue;
      const known = this.#peers.get(neuron.hotkey);
      // Who withdraws its axon but not its declaration is offline, not gone: audits go on and are missed.
      if (neuron.axon === null && !known && !ledgers.has(neuron.hotkey)) continue;
      present.add(neuron.hotkey);
      const { ip, port } = neuron.axon ?? NOWHERE;
      const address = { hotkey: neuron.hotkey, ip, port };
      if (known) {
        known.uid = neuron.uid;
        known.address = address;
        continue;
      }
      try {
        const peer = new Peer(neuron.hotkey, neuron.uid, address, ledgers.open(neuron.hotkey), clock, this.#windows, this.#random, uniform(this.#random));
        this.#peers.set(neuron.hotkey, peer);
        fresh.push(peer);
      } catch (error) {
        log.error("A miner's ledger cannot be opened; it is not audited", { miner: neuron.hotkey, reason: describeError(error) });
      }
    }
    for (const [miner, peer] of this.#peers) {
      if (present.has(miner)) continue;
      peer.hasLeft = true;
      peer.stop.abort();
      this.#peers.delete(miner);
      // What it still owes is booked first; it may also come back meanwhile.
      void peer.settled().then(() => void (this.#peers.has(miner) || ledgers.release(miner)));
      log.info("A miner left the subnet", { miner, uid: peer.uid });
    }
    return fresh;
  }

  async #onHead(block: number, begin: (peer: Peer) => void): Promise<void> {
    const { chain, netuid, log } = this.#options;
    if (block - this.#metagraph.block >= METAGRAPH_BLOCKS) {
      this.#metagraph = await chain.metagraph(netuid);
      for (const peer of this.#follow()) begin(peer);
      if (!this.#own()) log.error("This hotkey is no longer registered: its weights do not count until it is again");
    }
    const own = this.#own();
    if (!own?.hasValidatorPermit || block < this.#retryBlock) return;
    const { tempo, weightsRateLimit } = this.#metagraph;
    const state = { block, nextEpochBlock: await chain.nextEpochBlock(netuid), tempoBlocks: tempo, lastUpdateBlock: own.lastUpdate, rateLimitBlocks: weightsRateLimit };
    if (!weightsDue(state)) return;
    this.#retryBlock = block + RETRY_BLOCKS;
    await this.#setWeights();
  }

  async #setWeights(): Promise<void> {
    const { chain, hotkey, netuid, versionKey, clock, log } = this.#options;
    // A uid may have changed hands since the last look.
    this.#metagraph = await chain.metagraph(netuid);
    const shares = weights(this.#scores(clock.now()));
    const byUid = [...shares].flatMap(([miner, weight]) => {
      const neuron = this.#metagraph.neurons.find((each) => each.hotkey === miner);
      return neuron && weight > 0 ? [{ uid: neuron.uid, weight }] : [];
    });
    try {
      if (byUid.length === 0) throw new BtstoreError("chain_refused", "Cannot set weights: no miner has verified space yet");
      const outcome = await chain.setWeights(hotkey, netuid, byUid, versionKey);
      this.#weightsRefusal = null;
      this.#metagraph = await chain.metagraph(netuid);
      const facts = { block: chain.head().number, miners: byUid.length };
      if (outcome.kind === "set") log.info("Weights are set", facts);
      else log.info("Weights are committed to, the chain reveals them later", { ...facts, revealBlock: outcome.revealBlock });
    } catch (error) {
      if (!(error instanceof BtstoreError)) throw error;
      this.#weightsRefusal = error.message;
      log.warn("Weights are not set", { reason: error.message });
    }
  }

  async #collectLoop(peer: Peer, signal: AbortSignal): Promise<void> {
    // Never at a time that a miner could know beforehand.
    const pause = () => this.#options.clock.sleep(Math.max(COLLECT_MS_MIN, 2 * COLLECT_MINUTES * this.#windows.minuteMs * uniform(this.#random)), signal);
    for (; !signal.aborted; await pause()) await this.#act(peer, signal, () => this.#auditor.collect(peer, signal));
  }

  async #pingLoop(peer: Peer, signal: AbortSignal): Promise<void> {
    const pause = () => this.#options.clock.sleep(-PING_MEAN_MS * Math.log(1 - uniform(this.#random)), signal);
    for (; !signal.aborted; await pause()) await this.#act(peer, signal, () => this.#auditor.ping(peer, signal));
  }

  async #auditLoop(peer: Peer, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const audit = () =>
      this.#act(peer, signal, async () => {
        const turn = await this.#auditor.audit(peer, signal);
        peer.owe(turn.booked);
        return turn;
      });
    for (;;) {
      // A claim drives the rate only once something of it was proven.
      const isTrusted = await this.#act(peer, signal, async () => peer.ledger.isTrusted(clock.now()));
      await clock.sleep(nextAuditDelay(peer.declaredBytes, this.#windows, this.#random, isTrusted ?? false), signal);
      for (let turn = await audit(); turn?.again; turn = await audit()) await clock.sleep(uniform(this.#random) * AGAIN_MS, signal);
    }
  }

  /** One act of a loop. A disk that is full for an hour must not end the loop for good. */
  async #act<Result>(peer: Peer, signal: AbortSignal, act: () => Promise<Result>): Promise<Result | null> {
    try {
      return await act();
    } catch (error) {
      if (!signal.aborted) this.#options.log.error("Auditing a miner failed on our side", { miner: peer.hotkey, reason: describeError(error) });
      return null;
    }
  }

  /** One worker for all miners: a check costs one core half a second. */
  async #unitCheckLoop(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    for (; ; await clock.sleep(Math.min(10_000, this.#windows.hourMs / 60), signal)) {
      for (const peer of [...this.#peers.values()]) {
        try {
          await this.#auditor.checkUnit(peer, clock.now(), signal);
        } catch (error) {
          if (!signal.aborted) log.error("A unit could not be checked", { miner: peer.hotkey, reason: describeError(error) });
        }
      }
    }
  }

  async #pruneLoop(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (; ; await clock.sleep(PRUNE_HOURS * this.#windows.hourMs, signal)) {
      for (const peer of this.#peers.values()) await this.#act(peer, signal, async () => peer.ledger.prune(clock.now()));
    }
  }

  #isNetworkAlive(but: Peer): boolean {
    const now = this.#options.clock.monotonic();
    if (this.#options.chain.isConnected()) return true;
    return [...this.#peers.values()].some((peer) => peer !== but && peer.answeredAtMs !== null && now - peer.answeredAtMs < ALIVE_MS);
  }
}
