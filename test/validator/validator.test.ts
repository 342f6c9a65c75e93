import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Chain } from "../../lib/chain/mod.ts";
import { BtstoreError, type Ss58 } from "../../lib/core/mod.ts";
import { type Ledgers, Validator, type ValidatorOptions, openLedgers } from "../../lib/validator/mod.ts";
import { Dendrite } from "../../lib/wire/mod.ts";
import { IP, type LightMiner, MINUTE_MS, NETUID, TestClock, type TestSubnet, WINDOWS, dendriteClock, key, recordingLog, settled, startLightMiner, startSubnet, until } from "../miner/fixture.ts";
import { computeFakeUnit } from "./fixture.ts";

setDefaultTimeout(30_000);

const validator = key("Validator");
const HOUR_MS = WINDOWS.hourMs;
const never = new AbortController().signal;

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

type Lab = { subnet: TestSubnet; miners: LightMiner[]; clock: TestClock; openLedgers(): Promise<Ledgers>; validate(changed?: Partial<ValidatorOptions>): Promise<{ validator: Validator; said: ReturnType<typeof recordingLog>["said"]; ledgers: Ledgers }> };

/** A subnet with this many light miners, all announced, and a validator with a clock of its own. */
async function startLab(minerCount: number): Promise<Lab> {
  const names = Array.from({ length: minerCount }, (_, i) => `Miner${i}`);
  const subnet = await startSubnet({ Validator: 3000, ...Object.fromEntries(names.map((name) => [name, 0])) }, { tempoBlocks: 50, weightsSetRateLimit: 10 });
  open.push(() => subnet.stop());
  const miners = names.map((name) => startLightMiner(key(name), validator.ss58, subnet.client.genesisHash));
  for (const miner of miners) open.push(miner.stop);
  for (const { hotkey, port } of miners) await subnet.drive(subnet.client.serveAxon(hotkey, { netuid: NETUID, ip: IP, port, version: 1 }));
  const dendrite = new Dendrite({ hotkey: validator, clock: dendriteClock });
  open.push(() => dendrite.close());
  const clock = new TestClock();
  const ledgersOf = async () => {
    const ledgers = await openLedgers({ folder: join(subnet.folder, "db"), self: validator.ss58, netuid: NETUID, genesisHash: subnet.client.genesisHash, windows: WINDOWS });
    open.push(() => ledgers.close());
    return ledgers;
  };
  return {
    subnet, miners, clock, openLedgers: ledgersOf,
    async validate(changed = {}) {
      const { log, said } = recordingLog();
      const ledgers = changed.ledgers ? null : await ledgersOf();
      const options = { hotkey: validator, netuid: NETUID, chain: subnet.client, dendrite, ledgers: ledgers!, computeUnit: computeFakeUnit, clock, log, versionKey: 1, ...changed };
      return { validator: await Validator.open(options), said, ledgers: options.ledgers as Ledgers };
    },
  };
}

/** Runs until the test's end. */
function run(validating: Validator): { stop(): Promise<void> } {
  const abort = new AbortController();
  const ended = validating.run(abort.signal);
  const stop = async () => {
    abort.abort();
    await ended;
  };
  open.push(stop);
  return { stop };
}

const rowOf = (validating: Validator, miner: LightMiner) => validating.report().miners.find(({ hotkey }) => hotkey === miner.hotkey.ss58);
/** Real time for sockets, protocol time for the loops: ten seconds at each look. */
const untilAfterwards = (clock: TestClock, claim: () => unknown) => {
  let moving = Promise.resolve();
  return until(claim, () => void (moving = moving.then(() => clock.advance(10_000))));
};

/** The subnet's chain with some neurons taken off its metagraph, and away if told so. */
function spoiled(chain: Chain): Chain & { gone: Set<Ss58>; isAway: boolean } {
  const changed = { ...chain, gone: new Set<Ss58>(), isAway: false };
  changed.metagraph = async (netuid) => {
    if (changed.isAway) throw new BtstoreError("chain", "Cannot read the metagraph: the chain is away");
    const metagraph = await chain.metagraph(netuid);
    return { ...metagraph, neurons: metagraph.neurons.filter(({ hotkey }) => !changed.gone.has(hotkey)) };
  };
  changed.isConnected = () => !changed.isAway && chain.isConnected();
  return changed;
}

describe("Validator.open()", () => {
  test("refuses a hotkey that is not registered, and names it", async () => {
    const { validate } = await startLab(0);
    const fault = await validate({ hotkey: key("Stranger") }).then(() => null, (error: unknown) => error as BtstoreError);
    expect([fault?.code, fault?.message]).toEqual(["not_registered", expect.stringContaining(key("Stranger").ss58)]);
  });

  test("warns one without a permit", async () => {
    const { validate, miners } = await startLab(1);
    const { validator: opened, said } = await validate({ hotkey: miners[0]!.hotkey });
    expect(said).toMatchObject([{ level: "warn", message: expect.stringContaining("no validator permit") }]);
    expect(opened.report()).toMatchObject({ hasPermit: false, miners: [] });
  });
});

describe("Validator.runOnce()", () => {
  test("audits everybody, checks a unit of each, and sets weights in proportion to scores, which survive a restart", async () => {
    const { validate, subnet, miners, clock } = await startLab(3);
    const [good, poor, silent] = miners as [LightMiner, LightMiner, LightMiner];
    await silent.stop();
    const { validator: first, ledgers } = await validate();
    await subnet.drive(first.runOnce(never));
    // All was declared this very moment, so nothing counts yet.
    expect(first.report().weightsRefusal).toContain("no miner has verified space yet");

    for (let i = 0; i < 5; i++) ledgers.open(poor.hotkey.ss58).recordAudit({ at: clock.now(), verdict: { kind: "offline" }, elapsedMs: null, transcript: null });
    await clock.advance(2 * HOUR_MS);
    await subnet.drive(first.runOnce(never));
    const report = first.report();
    expect(report.weightsRefusal).toBeNull();
    expect(report.weightsBlock).toBeGreaterThan(0);
    expect(rowOf(first, good)).toMatchObject({ passed: 2, failed: 0, unitMatches: 2, declaredBytes: 2 ** 20 });
    expect(rowOf(first, poor)).toMatchObject({ passed: 2, offline: 5, unitMatches: 2 });
    expect(rowOf(first, silent)).toMatchObject({ passed: 0, declaredBytes: 0, weight: 0 });

    const [goodWeight, poorWeight] = [rowOf(first, good)!.weight, rowOf(first, poor)!.weight];
    expect(goodWeight).toBeGreaterThan(poorWeight);
    expect(poorWeight).toBeGreaterThan(0);
    const onChain = subnet.chain.neurons(NETUID)[0]!.weights;
    expect(onChain.map(({ uid }) => uid)).toEqual([1, 2]);
    expect(onChain[0]!.weight).toBe(65_535);
    expect(onChain[1]!.weight).toBe(Math.round((65_535 * poorWeight) / goodWeight));

    await ledgers.close();
    const { validator: second } = await validate();
    expect(second.report().miners).toEqual(report.miners);
  });

  test("tells in words what the chain refuses, and throws nothing", async () => {
    const { validate, subnet, clock } = await startLab(1);
    const { validator: opened, said } = await validate();
    await subnet.drive(opened.runOnce(never));
    await clock.advance(2 * HOUR_MS);
    await subnet.drive(opened.runOnce(never));
    expect(opened.report().weightsRefusal).toBeNull();
    // No block is made meanwhile: the rate limit stands.
    await opened.runOnce(never);
    expect(opened.report().weightsRefusal).toMatch(/the next attempt is allowed at block \d+/);
    expect(said.filter(({ message }) => message === "Weights are set").length).toBe(1);
  });

  test("an abort ends it without weights", async () => {
    const { validate, subnet } = await startLab(1);
    const { validator: opened } = await validate();
    const abort = new AbortController();
    abort.abort();
    expect(await opened.runOnce(abort.signal).then(() => "done", (error: Error) => error.name)).toBe("AbortError");
    expect(subnet.chain.neurons(NETUID)[0]!.weights).toEqual([]);
  });
});

describe("Validator.run()", () => {
  test("declares, pings, audits and checks units by itself, and sets weights before the epoch", async () => {
    const { validate, subnet, miners, clock } = await startLab(2);
    const { validator: opened, said } = await validate();
    run(opened);
    await untilAfterwards(clock, () => miners.every((miner) => (rowOf(opened, miner)?.unitMatches ?? 0) >= 1 && rowOf(opened, miner)!.passed >= 2));
    for (const miner of miners) expect(rowOf(opened, miner)).toMatchObject({ failed: 0, offline: 0, unitMismatches: 0 });
    await until(() => subnet.chain.neurons(NETUID)[0]!.weights.length === 2, () => subnet.chain.produceBlocks(1));
    expect(said.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("takes up who comes, and lets go of who leaves the metagraph, whose books stay", async () => {
    const { validate, subnet, miners, clock } = await startLab(2);
    const chain = spoiled(subnet.client);
    const [staying, leaving] = miners as [LightMiner, LightMiner];
    chain.gone.add(leaving.hotkey.ss58);
    const { validator: opened, said, ledgers } = await validate({ chain });
    run(opened);
    expect(rowOf(opened, leaving)).toBeUndefined();
    chain.gone.clear();
    await until(() => rowOf(opened, leaving), () => subnet.chain.produceBlocks(1));
    await untilAfterwards(clock, () => (rowOf(opened, leaving)?.passed ?? 0) >= 1);

    chain.gone.add(leaving.hotkey.ss58);
    await until(() => rowOf(opened, leaving) === undefined, () => subnet.chain.produceBlocks(1));
    expect(said).toContainEqual({ level: "info", message: "A miner left the subnet", fields: { miner: leaving.hotkey.ss58, uid: 2 } });
    const asked = { ...leaving.service.counts };
    const before = rowOf(opened, staying)!.passed;
    await untilAfterwards(clock, () => rowOf(opened, staying)!.passed >= before + 2);
    expect(leaving.service.counts).toEqual(asked);
    expect(ledgers.open(leaving.hotkey.ss58).summary(clock.now()).audits.pass).toBeGreaterThanOrEqual(1);
    expect(said.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("a miner that withdraws its axon is offline, not gone", async () => {
    const { validate, subnet, miners, clock } = await startLab(2);
    const chain = spoiled(subnet.client);
    const withdrawing = miners[0]!;
    const { metagraph } = chain;
    let isWithdrawn = false;
    chain.metagraph = async (netuid) => {
      const seen = await metagraph(netuid);
      return { ...seen, neurons: seen.neurons.map((neuron) => (isWithdrawn && neuron.hotkey === withdrawing.hotkey.ss58 ? { ...neuron, axon: null } : neuron)) };
    };
    const { validator: opened } = await validate({ chain });
    run(opened);
    await untilAfterwards(clock, () => rowOf(opened, withdrawing)!.passed >= 1);
    isWithdrawn = true;
    let looks = 0;
    const seen = chain.metagraph;
    chain.metagraph = (netuid) => (looks++, seen(netuid));
    // The second look begins when the first is taken in.
    await until(() => looks >= 2, () => subnet.chain.produceBlocks(1));
    await untilAfterwards(clock, () => rowOf(opened, withdrawing)!.offline >= 1);
    expect(rowOf(opened, withdrawing)!.failed).toBe(0);
  });

  test("goes on auditing while the chain is away, and calls offline unknown only when nobody answers", async () => {
    const { validate, subnet, miners, clock } = await startLab(2);
    const chain = spoiled(subnet.client);
    const [first, second] = miners as [LightMiner, LightMiner];
    const { validator: opened } = await validate({ chain });
    run(opened);
    await untilAfterwards(clock, () => miners.every((miner) => rowOf(opened, miner)!.passed >= 1));
    chain.isAway = true;
    await subnet.blocks(5);
    await first.stop();
    // The other one's pings and audits show that our own line works.
    await untilAfterwards(clock, () => rowOf(opened, first)!.offline >= 1);
    expect(opened.report().isChainConnected).toBe(false);

    await second.stop();
    await clock.advance(MINUTE_MS);
    await untilAfterwards(clock, () => miners.every((miner) => rowOf(opened, miner)!.unknown >= 1));
    chain.isAway = false;
    const offline = rowOf(opened, second)!.offline;
    await untilAfterwards(clock, () => rowOf(opened, second)!.offline > offline);
  });

  test("outlives a ledger that cannot be written to for a while", async () => {
    const { validate, miners, clock, openLedgers: ledgersOf } = await startLab(1);
    const real = await ledgersOf();
    let isFull = true;
    const ledger = real.open(miners[0]!.hotkey.ss58);
    const accept = ledger.accept.bind(ledger);
    ledger.accept = (...args) => {
      if (isFull) throw new BtstoreError("disk_full", "Cannot write: the disk is full");
      return accept(...args);
    };
    const { validator: opened, said } = await validate({ ledgers: real });
    run(opened);
    await untilAfterwards(clock, () => said.some(({ level }) => level === "error"));
    expect(said.at(-1)!.fields).toMatchObject({ miner: miners[0]!.hotkey.ss58, reason: "Cannot write: the disk is full" });
    isFull = false;
    await untilAfterwards(clock, () => rowOf(opened, miners[0]!)!.passed >= 1);
  });

  test("ends every loop on abort, whatever is under way, and writes nothing afterwards", async () => {
    const { validate, miners, clock } = await startLab(2);
    let computed = (): void => {};
    const computing = new Promise<void>((resolve) => (computed = resolve));
    let isComputing = false;
    const { validator: opened, said, ledgers } = await validate({ computeUnit: async (spec, pieces) => {
      isComputing = true;
      await computing;
      return computeFakeUnit(spec, pieces);
    } });
    const { stop } = run(opened);
    await untilAfterwards(clock, () => isComputing && miners.every((miner) => rowOf(opened, miner)!.passed >= 1));
    await stop();
    expect(clock.waitingMs).toEqual([]);
    await ledgers.close();
    computed();
    await settled();
    await clock.advance(HOUR_MS);
    expect(said.filter(({ level }) => level === "error")).toEqual([]);
  });
});

describe("openLedgers()", () => {
  test("a second validator on the folder is told who holds it; a miner's file is not taken for a ledger", async () => {
    const { openLedgers: ledgersOf, subnet } = await startLab(0);
    const ledgers = await ledgersOf();
    const fault = await ledgersOf().then(() => null, (error: unknown) => error as BtstoreError);
    expect([fault?.code, fault?.message]).toEqual(["locked", expect.stringContaining(`process ${process.pid} holds`)]);
    expect(ledgers.open(key("Bob").ss58)).toBe(ledgers.open(key("Bob").ss58));
    expect([ledgers.has(key("Bob").ss58), ledgers.has(key("Eve").ss58)]).toEqual([true, false]);
    await ledgers.close();

    const { client, folder } = subnet;
    const other = await openLedgers({ folder: join(folder, "db"), self: key("Eve").ss58, netuid: NETUID, genesisHash: client.genesisHash, windows: WINDOWS });
    open.push(() => other.close());
    expect(() => other.open(key("Bob").ss58)).toThrow(BtstoreError);
  });
});
