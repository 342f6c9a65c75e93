/**
 * The miner's life: allocate, serve, announce, fill, follow the chain, allocate again.
 *
 * It serves before it fills, and goes on serving whatever else fails: a full disk stops only the fill, a chain that is
 * away only what needs it (the last metagraph stays in force).
 */
import { type Clock, type Log, type Ss58, type Windows, BtstoreError, CHUNK_BYTES, describeError, windowsFor } from "../core/mod.ts";
import { type StripeSource, answerHops, answerOpenings } from "../audit/mod.ts";
import type { Chain, Metagraph, Neuron } from "../chain/mod.ts";
import { pieceTree, saltedTree } from "../native/mod.ts";
import { type FillProgress, type Partition, type Store, manifestEntry } from "../store/mod.ts";
import type { Hotkey } from "../wallet/mod.ts";
import { type AxonTls, type ListeningAxon, createAxon, listenAxon, nonceFile } from "../wire/mod.ts";
import { findExternalAddress } from "./address.ts";
import { type AllocationLimits, planStore } from "./allocate.ts";
import { type CallerPolicy, standingOf } from "./callers.ts";
import { type DeclaredPartition, Declarations } from "./declarations.ts";
import { type PublicAllocation, legacyRoutes, publicAllocation } from "./legacy.ts";
import type { MinerReport } from "./report.ts";
import { sealPartitions } from "./sealing.ts";
import { type Answering, AuditService, type Served, type Writers } from "./service.ts";

/** What a partition is to the outside: what it declares and the stripes behind it. A cheat puts something else here. */
export type ShownPartition = DeclaredPartition & Omit<StripeSource, "stripeCount">;

export type MinerOptions = {
  readonly hotkey: Hotkey;
  readonly netuid: number;
  readonly chain: Chain;
  readonly store: Store;
  readonly limits: AllocationLimits;
  readonly workers: number;
  /** Begin the filling anew. */
  readonly restart: boolean;
  /** Blocks between two allocations. */
  readonly stepsPerReallocate: number;
  readonly axon: { readonly ip: string; readonly port: number; readonly externalIp: string | null; readonly externalPort: number | null };
  readonly callers: CallerPolicy;
  /** Certificate and key, PEM: the axon then speaks TLS. */
  readonly tls?: AxonTls;
  /** Announced on chain, u32. */
  readonly version: number;
  readonly clock: Clock;
  readonly log: Log;
  /** How partitions are shown and audits answered; honestly if missing. */
  readonly show?: (partition: Partition) => ShownPartition;
  readonly answering?: Answering;
};

/** Blocks between two looks at the metagraph. */
const METAGRAPH_BLOCKS = 5;
/** Blocks between two attempts to announce the axon; the chain's own limit is 50. */
const ANNOUNCE_BLOCKS = 10;
/** A read of every partition this often keeps its disk awake: an audit has no time for a spin-up. */
const AWAKE_MS = 30_000;
/** Protocol minutes for which withdrawn sectors stay on disk: the old declaration is answered for twenty, a new one made within ten. */
const WITHDRAWN_MINUTES = 30;
/** A partition whose validator lost its permit is kept for this many protocol days of our running: it may be back with the next epoch. */
const UNWANTED_DAYS = 1;

const HASHES = { saltedTree, pieceTree };
const HONEST: Answering = {
  hops: (source, request) => answerHops(source, HASHES, request),
  openings: (source, request) => answerOpenings(source, HASHES, request),
};

export class Miner {
  readonly #options: MinerOptions;
  readonly #windows: Windows;
  readonly #service: AuditService;
  readonly #writers = new Set<Writers>();
  #served = new Map<Ss58, Served & { readonly partition: Partition }>();
  #metagraph: Metagraph;
  #neurons: Map<string, Neuron>;
  #axon: ListeningAxon | null = null;
  #announced: { ip: string; port: number } | null = null;
  #progress: FillProgress | null = null;
  #fillFault: string | null = null;
  #allocatedBlock = 0;
  #announceBlock = 0;
  /** Since when a partition's validator has no share, wall clock. */
  readonly #unwantedSince = new Map<Ss58, number>();
  /** Wakes the fill loop to allocate again; null while it is at work. */
  #wantsAllocation: (() => void) | null = null;

  private constructor(options: MinerOptions, metagraph: Metagraph) {
    this.#options = options;
    this.#windows = windowsFor(options.chain.blockMs);
    this.#metagraph = metagraph;
    this.#neurons = byHotkey(metagraph);
    this.#service = new AuditService({
      partitionOf: (validator) => this.#served.get(validator) ?? null,
      answering: options.answering ?? HONEST,
      writers: { pause: () => this.#writers.forEach((each) => each.pause()), resume: () => this.#writers.forEach((each) => each.resume()) },
      clock: options.clock, windows: this.#windows, log: options.log,
    });
  }

  /**
   * Finds its place on the subnet, allocates, and listens.
   *
   * @throws {BtstoreError} `not_registered`; `usage` for a budget below one chunk; `network` if the port is taken; `disk`; `chain`.
   */
  static async open(options: MinerOptions): Promise<Miner> {
    const { hotkey, netuid, chain, axon, clock, log, store, callers } = options;
    const metagraph = await chain.metagraph(netuid);
    const miner = new Miner(options, metagraph);
    if (!miner.#neurons.has(hotkey.ss58)) {
      throw new BtstoreError("not_registered", `Cannot mine: hotkey ${hotkey.ss58} is not registered on subnet ${netuid}; register it there first`);
    }
    await miner.#allocate(options.restart);
    const handler = createAxon({
      hotkey, clock, log,
      routes: miner.#service.routes,
      rateOf: (caller, name) => miner.#service.rateOf(caller, name),
      legacyRoutes: legacyRoutes((caller) => miner.#allocationOf(caller)),
      whoIs: (caller) => standingOf(callers, caller, miner.#neurons.get(caller) ?? null),
      nonceFile: nonceFile(store.dir),
    });
    miner.#axon = listenAxon(handler, { ip: axon.ip, port: axon.port, ...(options.tls ? { tls: options.tls } : {}) });
    log.info("The axon listens", { ip: axon.ip, port: miner.#axon.port });
    return miner;
  }

  /** Works until the signal aborts; leaves everything consistent. */
  async run(signal: AbortSignal): Promise<void> {
    const { chain, log } = this.#options;
    let isBusy = false;
    const unsubscribe = chain.onHead((head) => {
      if (isBusy || signal.aborted) return;
      isBusy = true;
      void this.#onHead(head.number, signal)
        .catch((error) => void (signal.aborted || log.warn("The chain could not be followed", { reason: describeError(error) })))
        .finally(() => void (isBusy = false));
    });
    const failed = new AbortController();
    const loops: Promise<void>[] = [];
    try {
      await this.#announce(signal);
      const ending = AbortSignal.any([signal, failed.signal]);
      loops.push(this.#fillLoop(ending), this.#awakeLoop(ending));
      await Promise.all(loops);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      unsubscribe();
      failed.abort();
      // The store is closed next: whoever still writes to it has to be done first.
      await Promise.allSettled(loops);
      await this.#axon?.stop();
    }
  }

  /** The facts of the moment. */
  report(): MinerReport {
    const { hotkey, chain } = this.#options;
    const own = this.#neurons.get(hotkey.ss58);
    const progress = this.#progress;
    return {
      hotkey: hotkey.ss58, uid: own?.uid ?? null, block: chain.head().number, isChainConnected: chain.isConnected(), incentive: own?.incentive ?? 0, axon: this.#announced,
      partitions: [...this.#served.values()].map(({ partition, declarations }) => ({
        validator: partition.validator, sizeBytes: partition.wantedGeometry.byteLength, sealedBytes: partition.sealedBytes(), declaredBytes: declarations.byteCount,
      })),
      fill: progress && { doneBytes: progress.doneBytes, totalBytes: progress.totalBytes, bytesPerSecond: progress.bytesPerSecond }, fillFault: this.#fillFault,
      audits: { ...this.#service.counts },
    };
  }

  async #onHead(block: number, signal: AbortSignal): Promise<void> {
    const { chain, netuid, hotkey, stepsPerReallocate, log } = this.#options;
    if (block - this.#metagraph.block < METAGRAPH_BLOCKS) return;
    const wasRegistered = this.#neurons.has(hotkey.ss58);
    this.#metagraph = await chain.metagraph(netuid);
    this.#neurons = byHotkey(this.#metagraph);
    if (wasRegistered && !this.#neurons.has(hotkey.ss58)) log.error("This hotkey is no longer registered: it earns nothing until it is registered again");
    if (this.#announced === null && block - this.#announceBlock >= ANNOUNCE_BLOCKS) await this.#announce(signal);
    if (block - this.#allocatedBlock >= stepsPerReallocate) this.#wantsAllocation?.();
  }

  /** Tells the chain where we listen; a refusal is told and tried again later. */
  async #announce(signal: AbortSignal): Promise<void> {
    const { chain, hotkey, netuid, axon, version, log } = this.#options;
    this.#announceBlock = chain.head().number;
    try {
      const ip = axon.externalIp ?? (await findExternalAddress(signal));
      const port = axon.externalPort ?? this.#axon!.port;
      const wasSent = await chain.serveAxon(hotkey, { netuid, ip, port, version });
      this.#announced = { ip, port };
      log.info(wasSent ? "The axon is announced on chain" : "The chain knows our axon already", { ip, port });
    } catch (error) {
      if (signal.aborted) throw error;
      log.warn("The axon is not announced: validators cannot find it", { reason: describeError(error) });
    }
  }

  /** Plans by the metagraph and makes the folder so. */
  async #allocate(restart: boolean): Promise<void> {
    const { store, hotkey, limits, log, netuid, chain, clock } = this.#options;
    const plan = await planStore(store, this.#metagraph, hotkey.ss58, limits, (validator) => this.#isRetained(validator));
    for (const { hotkey: wanted } of plan.shares) this.#unwantedSince.delete(wanted);
    const outcome = await store.applyPlan(plan.allotments, { restart });
    this.#allocatedBlock = chain.head().number;
    const { created, resized, removed } = outcome;
    if (created.length + resized.length + removed.length > 0) log.info("Partitions are allocated", { created: created.length, resized: resized.length, removed: removed.length });
    for (const { validator, error } of store.problems()) log.error("A partition cannot be used", { validator, reason: error.message });
    const network = { netuid, genesisHash: chain.genesisHash };
    const served = new Map<Ss58, Served & { partition: Partition }>();
    for (const partition of store.partitions()) {
      const known = this.#served.get(partition.validator);
      const shown = this.#options.show?.(partition) ?? partition;
      served.set(partition.validator, known?.partition === partition ? known : { partition, source: shown, declarations: new Declarations(shown, hotkey, network, clock, this.#windows) });
    }
    this.#served = served;
  }

  /** Whether a partition without a share stays for now: permits come and go, and a chain node may be behind. */
  #isRetained(validator: Ss58): boolean {
    const now = this.#options.clock.now();
    const since = this.#unwantedSince.get(validator) ?? now;
    this.#unwantedSince.set(validator, since);
    return now - since < UNWANTED_DAYS * this.#windows.dayMs;
  }

  /** Waits while sectors that a resize withdrew may still be asked for; nothing to wait for is the rule. */
  async #whileWithdrawn(signal: AbortSignal): Promise<void> {
    const { store, clock, log } = this.#options;
    const isWithdrawn = (partition: Partition) =>
      partition.geometry.chunkCount !== partition.wantedGeometry.chunkCount && partition.declared().chunkCount * CHUNK_BYTES < partition.sealedBytes();
    const withdrawn = store.partitions().filter(isWithdrawn);
    if (withdrawn.length === 0) return;
    log.info("Sealed sectors are withdrawn to be laid out anew; they stay on disk while older declarations are answered", { partitions: withdrawn.length });
    for (const { validator } of withdrawn) this.#served.get(validator)?.declarations.current();
    await clock.sleep(WITHDRAWN_MINUTES * this.#windows.minuteMs, signal);
    for (const { validator } of withdrawn) this.#served.get(validator)?.declarations.current();
  }

  /** Fills, then waits until it is time to allocate again. */
  async #fillLoop(signal: AbortSignal): Promise<void> {
    const { store, workers, log } = this.#options;
    for (;;) {
      try {
        await this.#whileWithdrawn(signal);
        await sealPartitions(store.partitions(), {
          workersWanted: workers, log, signal,
          onProgress: (progress) => void (this.#progress = progress),
          onPool: (pool) => {
            if (pool === null) return this.#writers.clear();
            this.#writers.add(pool);
            if (this.#service.isPausing) pool.pause();
          },
        });
        this.#fillFault = null;
      } catch (error) {
        if (signal.aborted || !(error instanceof BtstoreError)) throw error;
        this.#fillFault = error.message;
        log.error("Sealing stopped; what is sealed is served on", { reason: error.message });
      }
      this.#progress = null;
      await this.#untilReallocation(signal);
      try {
        await this.#allocate(false);
      } catch (error) {
        if (signal.aborted || !(error instanceof BtstoreError)) throw error;
        log.error("Partitions stay as they are", { reason: error.message });
      }
    }
  }

  #allocationOf(caller: Ss58): PublicAllocation | null {
    const { store, hotkey, netuid } = this.#options;
    const partition = this.#served.get(caller)?.partition;
    if (!partition) return null;
    return publicAllocation(manifestEntry({ dir: store.dir, owner: hotkey.ss58, validator: caller, chunkCount: partition.wantedGeometry.chunkCount, netuid }));
  }

  #untilReallocation(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      if (signal.aborted) return onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      this.#wantsAllocation = () => {
        this.#wantsAllocation = null;
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
    });
  }

  async #awakeLoop(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    for (;;) {
      await clock.sleep(AWAKE_MS, signal);
      for (const { partition } of this.#served.values()) {
        const { stripeCount } = partition.geometry;
        try {
          if (stripeCount > 0) await partition.readStripe(Math.floor(Math.random() * stripeCount));
        } catch (error) {
          log.error("A partition cannot be read", { validator: partition.validator, reason: describeError(error) });
        }
      }
    }
  }
}

function byHotkey(metagraph: Metagraph): Map<string, Neuron> {
  return new Map(metagraph.neurons.map((neuron) => [neuron.hotkey, neuron]));
}
