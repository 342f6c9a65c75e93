import { afterAll, beforeAll, describe, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { join } from "node:path";
import { peek } from "bun";
import { BtstoreError, type Ss58, systemClock } from "../../lib/core/mod.ts";
import { Miner, type MinerOptions, OPEN_TO_REGISTERED } from "../../lib/miner/mod.ts";
import { SealPool } from "../../lib/native/mod.ts";
import { type Store, openStore } from "../../lib/store/mod.ts";
import { Validator, openLedgers } from "../../lib/validator/mod.ts";
import type { Hotkey } from "../../lib/wallet/mod.ts";
import { Dendrite, type ListeningAxon, listenAxon } from "../../lib/wire/mod.ts";
import { IP, NETUID, type Said, type TestSubnet, WINDOWS, dendriteClock, key, recordingLog, startSubnet, until } from "./fixture.ts";

// A unit takes half a second of a core that others may be using.
setDefaultTimeout(30_000);

const MIB = 2 ** 20;
const validator = key("Validator");
const miner = key("Miner");

type Running = { miner: Miner; store: Store; said: Said[]; ended: Promise<void>; abort(): void; stop(): Promise<void> };

const openStoreOf = (subnet: TestSubnet, hotkey: Hotkey) =>
  openStore({ dbPath: join(subnet.folder, "db"), walletName: "w", hotkeyName: hotkey.ss58, self: hotkey.ss58, netuid: NETUID, genesisHash: subnet.client.genesisHash });

function optionsFor(subnet: TestSubnet, hotkey: Hotkey, store: Store, changed: Partial<MinerOptions> = {}): MinerOptions {
  return {
    hotkey, store, netuid: NETUID, chain: subnet.client, limits: { threshold: null, sizeBytes: MIB, isForAll: false }, workers: 1, restart: false, stepsPerReallocate: 1000,
    axon: { ip: IP, port: 0, externalIp: IP, externalPort: null }, callers: OPEN_TO_REGISTERED, version: 1, clock: systemClock, log: recordingLog().log, ...changed,
  };
}

async function startMiner(subnet: TestSubnet, hotkey: Hotkey, changed: Partial<MinerOptions> = {}): Promise<Running> {
  const { log, said } = recordingLog();
  const store = await openStoreOf(subnet, hotkey);
  const running = await Miner.open(optionsFor(subnet, hotkey, store, { log, ...changed }));
  const stopped = new AbortController();
  const ended = running.run(stopped.signal);
  return {
    miner: running, store, said, ended,
    abort: () => stopped.abort(),
    async stop() {
      stopped.abort();
      await ended;
      await store.close();
    },
  };
}

async function faultOf(promise: Promise<unknown>): Promise<BtstoreError> {
  const error = await promise.then(() => null, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BtstoreError);
  return error as BtstoreError;
}

/** Makes blocks until the axon is announced, and waits until everything is sealed. */
async function ready(subnet: TestSubnet, { miner: running }: Running): Promise<void> {
  await until(() => running.report().axon !== null, () => subnet.chain.produceBlocks(1));
  await until(() => running.report().partitions.every(({ sizeBytes, sealedBytes }) => sizeBytes === sealedBytes) && running.report().fill === null);
}

const sizesOf = (running: Miner) => Object.fromEntries(running.report().partitions.map(({ validator: each, sizeBytes }) => [each, sizeBytes / MIB])) as Record<Ss58, number>;

describe("Miner", () => {
  let subnet: TestSubnet;
  let running: Running;
  beforeAll(async () => {
    subnet = await startSubnet({ Validator: 3000, Miner: 0, Second: 0 });
    running = await startMiner(subnet, miner);
    await ready(subnet, running);
  });
  afterAll(async () => {
    await running.stop();
    await subnet.stop();
  });

  test("announces where it listens, allocates by stake, and seals", async () => {
    const { axon, partitions, uid, fillFault } = running.miner.report();
    const metagraph = await subnet.client.metagraph(NETUID);
    expect(metagraph.neurons[1]!.axon).toMatchObject({ ip: IP, port: axon!.port });
    expect({ uid, fillFault }).toEqual({ uid: 1, fillFault: null });
    expect(partitions).toMatchObject([{ validator: validator.ss58, sizeBytes: MIB, sealedBytes: MIB }]);
  });

  test("declares what it sealed, and passes the audits and unit checks of a real Validator", async () => {
    const dendrite = new Dendrite({ hotkey: validator, clock: dendriteClock });
    const units = new SealPool({ workers: 1 });
    const ledgers = await openLedgers({ folder: join(subnet.folder, "validator"), self: validator.ss58, netuid: NETUID, genesisHash: subnet.client.genesisHash, windows: WINDOWS });
    const auditing = await Validator.open({
      hotkey: validator, netuid: NETUID, chain: subnet.client, dendrite, ledgers, clock: systemClock, log: recordingLog().log, versionKey: 1,
      computeUnit: (spec, pieceIndexes) => units.unitPieces(spec, pieceIndexes),
    });
    await subnet.drive(auditing.runOnce(new AbortController().signal));
    expect(auditing.report().miners).toMatchObject([{ hotkey: miner.ss58, declaredBytes: MIB, passed: 1, failed: 0, late: 0, offline: 0, unitMatches: 1, unitMismatches: 0 }]);
    expect(running.miner.report().partitions[0]!.declaredBytes).toBe(MIB);
    expect(running.miner.report().audits).toMatchObject({ hops: 1, openings: 1, refused: 0 });
    await ledgers.close();
    await units.close();
    await dendrite.close();
  });

  test("refuses those without a permit, the banned and the unknown", async () => {
    const { port } = running.miner.report().axon!;
    for (const [from, reason] of [["Second", "NoPermit"], ["Stranger", "NotRegistered"]] as const) {
      const dendrite = new Dendrite({ hotkey: key(from), clock: dendriteClock });
      const outcome = await dendrite.call({ hotkey: miner.ss58, ip: IP, port }, "Declaration", new Uint8Array(0), { timeoutMs: 10_000 });
      expect(outcome).toMatchObject({ kind: "refused", reason });
      await dendrite.close();
    }
    const store = await openStoreOf(subnet, key("Second"));
    const strict = await Miner.open(optionsFor(subnet, key("Second"), store, { callers: { ...OPEN_TO_REGISTERED, banned: new Set([validator.ss58]) } }));
    const stopped = new AbortController();
    const ended = strict.run(stopped.signal);
    await until(() => strict.report().axon !== null, () => subnet.chain.produceBlocks(1));
    const dendrite = new Dendrite({ hotkey: validator, clock: dendriteClock });
    const outcome = await dendrite.call({ hotkey: key("Second").ss58, ip: IP, port: strict.report().axon!.port }, "Ping", new Uint8Array(0), { timeoutMs: 10_000 });
    expect(outcome).toMatchObject({ kind: "refused", reason: "Banned" });
    stopped.abort();
    await ended;
    await dendrite.close();
    await store.close();
  });

  test("a second one on the same folder is told who holds it", async () => {
    const fault = await faultOf(openStoreOf(subnet, miner));
    expect([fault.code, fault.message]).toEqual(["locked", expect.stringContaining(`process ${process.pid} holds`)]);
  });
});

describe("Miner.open()", () => {
  let subnet: TestSubnet;
  let store: Store;
  let taken: ListeningAxon;
  beforeAll(async () => {
    subnet = await startSubnet({ Validator: 3000, Miner: 0 });
    store = await openStoreOf(subnet, miner);
    taken = listenAxon(async () => new Response(), { ip: IP, port: 0 });
  });
  afterAll(async () => {
    await store.close();
    await taken.stop();
    await subnet.stop();
  });
  const open = (changed: Partial<MinerOptions>) => Miner.open(optionsFor(subnet, changed.hotkey ?? miner, store, changed));

  test("refuses a hotkey that is not registered, and names it", async () => {
    const fault = await faultOf(open({ hotkey: key("Stranger") }));
    expect([fault.code, fault.message]).toEqual(["not_registered", expect.stringContaining(key("Stranger").ss58)]);
    expect(store.partitions()).toEqual([]);
  });

  test("refuses a budget below one chunk", async () => {
    expect((await faultOf(open({ limits: { threshold: null, sizeBytes: MIB - 1, isForAll: false } }))).code).toBe("usage");
  });

  test("refuses a port that is taken, and names the flag", async () => {
    const fault = await faultOf(open({ axon: { ip: IP, port: taken.port, externalIp: IP, externalPort: null } }));
    expect([fault.code, fault.message]).toEqual(["network", expect.stringMatching(new RegExp(`port ${taken.port}.*--axon\\.port`))]);
  });
});

describe("Miner.run()", () => {
  test("allocates again when its blocks are over, and leaves a store that opens as it was left", async () => {
    // No epoch in between: what it paid would move the shares.
    const subnet = await startSubnet({ Validator: 0, Miner: 0 }, { tempoBlocks: 10_000 });
    const running = await startMiner(subnet, miner, { limits: { threshold: null, sizeBytes: 2 * MIB, isForAll: true }, stepsPerReallocate: 30 });
    await ready(subnet, running);
    expect(sizesOf(running.miner)).toEqual({ [validator.ss58]: 2 });
    await subnet.drive(subnet.client.register(key("Alice"), key("Newcomer").ss58, NETUID));
    await until(() => running.miner.report().partitions.length === 2, () => subnet.chain.produceBlocks(1));
    expect(sizesOf(running.miner)).toEqual({ [validator.ss58]: 1, [key("Newcomer").ss58]: 1 });

    await running.stop();
    expect(running.said.filter(({ level }) => level === "error")).toEqual([]);
    const store = await openStoreOf(subnet, miner);
    expect(store.problems()).toEqual([]);
    expect(store.current()).toEqual(new Map([[validator.ss58, 1], [key("Newcomer").ss58, 1]]));
    await store.close();
    await subnet.stop();
  });

  test("ends only when the fill it interrupts has ended, so that the store may be closed", async () => {
    const subnet = await startSubnet({ Validator: 3000, Miner: 0 });
    const running = await startMiner(subnet, miner);
    const closing = spyOn(SealPool.prototype, "close");
    await until(() => (running.miner.report().fill?.doneBytes ?? 0) > 0, () => subnet.chain.produceBlocks(1));
    running.abort();
    await running.ended;
    expect(closing.mock.results.map(({ value }) => peek.status(value as Promise<void>))).toEqual(["fulfilled"]);
    closing.mockRestore();
    await running.store.close();
    const store = await openStoreOf(subnet, miner);
    expect(store.problems()).toEqual([]);
    await store.close();
    await subnet.stop();
  });
});
