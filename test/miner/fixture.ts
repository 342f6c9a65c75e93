/** What the tests of both roles share: a clock that moves when told, a log to read, a small subnet, and a miner of one cheap unit. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Declaration, type StripeSource, answerHops, answerOpenings } from "../../lib/audit/mod.ts";
import { type Chain, connectChain } from "../../lib/chain/mod.ts";
import { type Clock, type Log, type LogFields, RAO_PER_TAO, STRIPE_BYTES, type Ss58, concat, silentLog, systemClock, windowsFor } from "../../lib/core/mod.ts";
import { type ChainOptions, type DevnetChain, startChain } from "../../lib/devnet/chain/mod.ts";
import { type DeclaredPartition, Declarations } from "../../lib/miner/declarations.ts";
import { type Answering, AuditService, type ServiceOptions } from "../../lib/miner/service.ts";
import { pieceTree, saltedTree } from "../../lib/native/mod.ts";
import { type UnitSpec, merklePath, merkleRoot, sealSeed, unitSpec } from "../../lib/space/mod.ts";
import { type Hotkey, cryptoReady, keypairFromUri } from "../../lib/wallet/mod.ts";
import { type AxonOptions, WIRE_LIMITS, createAxon, listenAxon } from "../../lib/wire/mod.ts";
import { fakeUnit } from "../audit/partition.ts";

await cryptoReady();

export const NETUID = 7;
/** Loopback, and not the one address of it that the chain refuses. */
export const IP = "127.0.0.2";
/** Windows as on finney: with manual blocks nothing waits for them. */
export const BLOCK_MS = 12_000;
export const WINDOWS = windowsFor(BLOCK_MS);
export const MINUTE_MS = WINDOWS.minuteMs;
export const GENESIS = new Uint8Array(32).fill(9);

export const key = (name: string): Hotkey => keypairFromUri(`//${name}`);

/** A clock that stands still until `advance()`. */
export class TestClock implements Clock {
  #ms = 0;
  #sleepers: { atMs: number; wake: () => void }[] = [];

  now(): number {
    return 1_752_076_800_000 + this.#ms;
  }

  monotonic(): number {
    return this.#ms;
  }

  /** Sleepers that wait, and for how long yet. */
  get waitingMs(): number[] {
    return this.#sleepers.map(({ atMs }) => atMs - this.#ms);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { atMs: this.#ms + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", () => {
        this.#sleepers = this.#sleepers.filter((each) => each !== sleeper);
        reject(signal.reason);
      }, { once: true });
    });
  }

  /** Moves on, and wakes each sleeper at its own moment. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#ms + ms;
    for (;;) {
      const next = this.#sleepers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (!next || next.atMs > endMs) break;
      this.#ms = Math.max(this.#ms, next.atMs);
      this.#sleepers = this.#sleepers.filter((each) => each !== next);
      next.wake();
      await settled();
    }
    this.#ms = endMs;
    await settled();
  }
}

/** Lets everything run that waits for no more than promises. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

/** Waits for what other threads and sockets do, until a claim holds; only a test's own time limit ends it otherwise. */
export async function until(claim: () => unknown, meanwhile: () => void = () => {}): Promise<void> {
  while (!claim()) {
    meanwhile();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export type Said = { level: keyof Log; message: string; fields: LogFields };

/** A log that keeps what it is told. */
export function recordingLog(): { log: Log; said: Said[] } {
  const said: Said[] = [];
  const at = (level: keyof Log) => (message: string, fields: LogFields = {}) => void said.push({ level, message, fields });
  return { said, log: { trace: at("trace"), debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") } };
}

/** The system's clock, but never within the two seconds after the start of this process in which axons refuse every nonce. */
export const dendriteClock: Clock = { ...systemClock, now: () => Math.max(Date.now(), performance.timeOrigin + 2_001) };

export type TestSubnet = {
  readonly chain: DevnetChain;
  readonly client: Chain;
  readonly folder: string;
  /** Makes blocks until the promise settles. */
  drive<Result>(promise: Promise<Result>): Promise<Result>;
  /** Makes blocks and waits until the client has seen them. */
  blocks(count: number): Promise<void>;
  stop(): Promise<void>;
};

/** A subnet of the given hotkeys with their stakes in TAO, in the order of their uids, that makes blocks only when told. */
export async function startSubnet(stakes: Readonly<Record<string, number>>, options: Partial<ChainOptions["subnet"] & { tempoBlocks: number }> = {}): Promise<TestSubnet> {
  const { tempoBlocks = 20, ...subnet } = options;
  const coldkey = key("Owner").ss58;
  const neurons = Object.entries(stakes).map(([name, tao]) => ({ hotkey: key(name).ss58, coldkey, stake: BigInt(tao) * RAO_PER_TAO }));
  const chain = await startChain({ blockMs: BLOCK_MS, sealing: "manual", tempoBlocks, subnet: { netuid: NETUID, owner: coldkey, neurons, servingRateLimit: 1, ...subnet } });
  const client = await connectChain({ endpoints: [chain.url], log: silentLog });
  const folder = mkdtempSync(join(tmpdir(), "btstore-role-"));
  return {
    chain, client, folder,
    async drive(promise) {
      let isPending = true;
      void promise.catch(() => {}).finally(() => (isPending = false));
      await until(() => !isPending, () => chain.produceBlocks(1));
      return promise;
    },
    async blocks(count) {
      chain.produceBlocks(count);
      await until(() => client.head().number >= chain.head().number);
    },
    async stop() {
      await client.close();
      await chain.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type Kept = ReturnType<DeclaredPartition["declarations"]>[number];

/** A partition of one chunk in memory, its unit cheap (`fakeUnit`), its records as a hashes file keeps them. */
export class MemoryPartition implements DeclaredPartition {
  readonly validator: Ss58;
  readonly kept: Kept[] = [];
  /** Set to declare something else. */
  shown: Pick<Declaration, "unitCount" | "chunksPerUnit" | "roots">;
  readonly source: Omit<StripeSource, "stripeCount">;
  readonly #data: Uint8Array;

  constructor(miner: Ss58, validator: Ss58, netuid: number = NETUID, unitOf: (spec: UnitSpec) => Uint8Array = fakeUnit) {
    this.validator = validator;
    const data = unitOf(unitSpec(sealSeed(miner, validator), netuid, 0, 1));
    this.#data = data;
    const stripeRoots = concat(...Array.from({ length: data.length / STRIPE_BYTES }, (_, i) => pieceTree(this.#stripe(i)).slice(-32)));
    this.shown = { unitCount: 1, chunksPerUnit: 1, roots: [merkleRoot(stripeRoots)] };
    this.source = { readStripe: async (index) => this.#stripe(index), commitmentPath: async (index) => merklePath(stripeRoots, index) };
  }

  declared = () => this.shown;
  declarations = () => this.kept.toSorted((a, b) => b.serial - a.serial);
  nextSerial = (nowMs: number) => Math.max((this.declarations()[0]?.serial ?? 0) + 1, Math.floor(nowMs / 1000));
  saveDeclaration = (kept: Kept) => void this.kept.push(kept);

  #stripe(index: number): Uint8Array {
    return this.#data.slice(index * STRIPE_BYTES, (index + 1) * STRIPE_BYTES);
  }
}

const HASHES = { saltedTree, pieceTree };

/** Answers by the product's own code. */
export const honest: Answering = {
  hops: (source, request) => answerHops(source, HASHES, request),
  openings: (source, request) => answerOpenings(source, HASHES, request),
};

const UNLIMITED = { perSecond: 1e6, burst: 1e6 };

export type LightMiner = { hotkey: Hotkey; port: number; partition: MemoryPartition; service: AuditService; stop(): Promise<void> };

/** A miner of one cheap unit on a real axon: the product's service and wire, with nothing on disk. */
export function startLightMiner(hotkey: Hotkey, validator: Ss58, genesisHash: Uint8Array, changed: {
  unitOf?: (spec: UnitSpec) => Uint8Array; service?: Partial<ServiceOptions>; routes?: Partial<AxonOptions["routes"]>; log?: Log;
} = {}): LightMiner {
  const partition = new MemoryPartition(hotkey.ss58, validator, NETUID, changed.unitOf);
  const declarations = new Declarations(partition, hotkey, { netuid: NETUID, genesisHash }, systemClock, WINDOWS);
  const log = changed.log ?? silentLog;
  const service = new AuditService({
    partitionOf: (caller) => (caller === validator ? { declarations, source: partition.source } : null),
    answering: honest, writers: { pause() {}, resume() {} }, clock: systemClock, windows: WINDOWS, log, ...changed.service,
  });
  // Validators' clocks run fast in tests, the axon's does not: no rate is due here.
  const axon = createAxon({
    hotkey, clock: systemClock, log, notBeforeMs: 0, rateOf: () => UNLIMITED, limits: { ...WIRE_LIMITS, addressRate: UNLIMITED },
    routes: { ...service.routes, ...changed.routes },
    whoIs: () => ({ isRegistered: true, hasPermit: true }),
  });
  const { port, stop } = listenAxon(axon, { ip: IP, port: 0 });
  return { hotkey, port, partition, service, stop };
}
