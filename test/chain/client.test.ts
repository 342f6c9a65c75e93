import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ApiPromise } from "@polkadot/api";
import { readBalance, readBurnCost, register, serveAxon } from "../../lib/chain/calls.ts";
import { encodeRegister, encodeServeAxon, encodeSetWeights } from "../../lib/chain/encode.ts";
import { readNextEpochBlock } from "../../lib/chain/epoch.ts";
import type { Link } from "../../lib/chain/link.ts";
import { readMetagraph } from "../../lib/chain/metagraph.ts";
import { openLink } from "../../lib/chain/client.ts";
import { connectChain } from "../../lib/chain/mod.ts";
import { submit } from "../../lib/chain/submit.ts";
import { setWeights, type Weight } from "../../lib/chain/weights.ts";
import { BtstoreError, silentLog } from "../../lib/core/mod.ts";
import { type Hotkey, keypairFromUri } from "../../lib/wallet/mod.ts";
import vectors from "../vectors/chain-calls.json" with { type: "json" };
import { headFrom, NETUID, type Network, startNetwork, startRelay, startUpgradeRelay } from "./_devnet.ts";
import { encodeAll } from "./_calls.ts";

const TAO = 1_000_000_000n;
const AXON = { netuid: NETUID, ip: "127.0.0.2", port: 8091, version: 1 };
const open: { close(): Promise<void> }[] = [];

async function network(options = {}): Promise<Network> {
  const started = await startNetwork(options);
  open.push(started);
  return started;
}

async function faultOf(promise: Promise<unknown>): Promise<BtstoreError> {
  const error = await promise.then((value) => value, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BtstoreError);
  return error as BtstoreError;
}

const request = (hotkey: Hotkey, weights: Weight[]) => ({ hotkey, netuid: NETUID, weights, versionKey: 0, commitsFolder: null });

/** The same link to a chain of an older runtime: without these runtime calls or storage items. */
function without(link: Link, names: { calls?: boolean | string[]; items?: string[] }): Link {
  const query = new Proxy(link.api.query, {
    get: (pallets, pallet: string) => new Proxy(pallets[pallet]!, { get: (items, item: string) => (names.items?.includes(item) ? undefined : items[item]) }),
  });
  const calls = (all: ApiPromise["call"]) => names.calls === true ? {} : new Proxy(all, {
    get: (apis, api: string) => new Proxy(apis[api]!, { get: (methods, method: string) => ((names.calls as string[]).includes(method) ? undefined : methods[method]) }),
  });
  const api = new Proxy(link.api, {
    get: (target, key) => (key === "call" && names.calls ? calls(target.call) : key === "query" ? query : Reflect.get(target, key, target)),
  }) as ApiPromise;
  return { ...link, api };
}

let shared: Network;
beforeAll(async () => {
  shared = await network();
});
afterAll(() => Promise.all(open.map((each) => each.close())));

describe("readMetagraph()", () => {
  test("gives every neuron with stake, permit and axon, by either runtime call and from storage alike", async () => {
    const { link } = await network({ sealing: "manual" });
    const called = await readMetagraph(link, NETUID);
    expect(called.neurons.map(({ uid, hotkey }) => [uid, hotkey])).toEqual(["//Validator0", "//Validator1", "//Miner2", "//Miner3", "//Miner4"].map((uri, uid) => [uid, keypairFromUri(uri).ss58]));
    expect(called).toMatchObject({ netuid: NETUID, tempo: 20, weightsRateLimit: 1000, isCommitRevealEnabled: false });
    expect(called.neurons.map(({ stake }) => stake)).toEqual([3000n * TAO, 2500n * TAO, 0n, 0n, 0n]);
    expect(called.neurons.map((neuron) => neuron.hasValidatorPermit)).toEqual([true, true, false, false, false]);
    expect(called.neurons.every(({ coldkey, axon }) => coldkey === keypairFromUri("//Owner").ss58 && axon === null)).toBe(true);
    expect(await readMetagraph(without(link, { calls: ["getSelectiveMetagraph"] }), NETUID)).toEqual(called);
    expect(await readMetagraph(without(link, { calls: true }), NETUID)).toEqual(called);
  });

  test("refuses a subnet that is not there, either way", async () => {
    for (const link of [shared.link, without(shared.link, { calls: ["getSelectiveMetagraph"] }), without(shared.link, { calls: true })]) {
      expect(await faultOf(readMetagraph(link, 9))).toMatchObject({ code: "chain_refused", message: "Cannot read the metagraph of subnet 9: there is no subnet 9 on this chain; check --netuid and --subtensor.network" });
    }
  });
});

describe("readNextEpochBlock()", () => {
  test("agrees with the chain by the call and by LastEpochBlock, and is near by the old count", async () => {
    const { chain, link } = await network({ sealing: "manual" });
    chain.produceBlocks(7);
    await headFrom(link, 7);
    const next = await readNextEpochBlock(link, NETUID);
    expect(await readNextEpochBlock(without(link, { calls: true }), NETUID)).toBe(next);
    const before = chain.epochCount(NETUID);
    chain.produceBlocks(next - 1 - chain.head().number);
    expect(chain.epochCount(NETUID)).toBe(before);
    chain.produceBlocks(1);
    expect(chain.epochCount(NETUID)).toBe(before + 1);
    await headFrom(link, next);
    const old = await readNextEpochBlock(without(link, { calls: true, items: ["lastEpochBlock"] }), NETUID);
    expect(Math.abs(old - (next + 20))).toBeLessThanOrEqual(1);
    for (const each of [link, without(link, { calls: true })]) expect((await faultOf(readNextEpochBlock(each, 9))).code).toBe("chain_refused");
  });
});

describe("encodeSetWeights(), encodeServeAxon() and encodeRegister()", () => {
  test("give the bytes recorded from the real runtime with the embedded chain's metadata", () => {
    expect(encodeAll(shared.link.api)).toEqual(vectors.calls);
  });
});

describe("register()", () => {
  test("pays the price, gives a uid, and refuses a second time, above a limit and without money", async () => {
    const { link } = shared;
    const alice = keypairFromUri("//Alice");
    const newcomer = keypairFromUri("//Newcomer").ss58;
    const [price, before] = [await readBurnCost(link, NETUID), await readBalance(link, alice.ss58)];
    expect(price).toBeGreaterThan(0n);
    expect((await faultOf(register(link, alice, newcomer, NETUID, 1n))).message).toContain("above the limit of 0.000000001 τ");
    expect((await faultOf(register(link, keypairFromUri("//Poor"), newcomer, NETUID))).message).toContain("holds 0 τ; send TAO to it");
    expect(await register(link, alice, newcomer, NETUID, 2n * price)).toEqual({ uid: 5 });
    const paid = before - (await readBalance(link, alice.ss58));
    expect(paid).toBeGreaterThan(price / 2n);
    expect(paid).toBeLessThan(2n * price);
    expect((await readMetagraph(link, NETUID)).neurons[5]!.hotkey).toBe(newcomer);
    expect((await faultOf(register(link, alice, newcomer, NETUID))).message).toContain("it is registered already, as uid 5");
    expect(await register(link, alice, keypairFromUri("//Another").ss58, NETUID)).toEqual({ uid: 6 });
  });

  test("two at once of one coldkey both succeed", async () => {
    const alice = keypairFromUri("//Alice");
    const uids = await Promise.all(["//TwinA", "//TwinB"].map((uri) => register(shared.link, alice, keypairFromUri(uri).ss58, NETUID)));
    expect(uids[1]!.uid).toBe(uids[0]!.uid + 1);
  });
});

describe("serveAxon()", () => {
  test("announces once, needs no balance, and tells when the next change is allowed", async () => {
    const { link } = shared;
    const miner = keypairFromUri("//Miner2");
    expect(await readBalance(link, miner.ss58)).toBe(0n);
    expect(await serveAxon(link, miner, AXON)).toBe(true);
    expect(await serveAxon(link, miner, AXON)).toBe(false);
    const axon = { ip: "127.0.0.2", port: 8091, ipType: 4, protocol: 4, version: 1 };
    expect((await readMetagraph(link, NETUID)).neurons[2]!.axon).toEqual(axon);
    expect((await readMetagraph(without(link, { calls: true }), NETUID)).neurons[2]!.axon).toEqual(axon);
    const error = await faultOf(serveAxon(link, miner, { ...AXON, port: 8092 }));
    expect(error.message).toMatch(/^Cannot announce the axon on subnet 1: it was announced at block \d+, the next attempt is allowed at block \d+, in about \d+ s$/);
    expect(await serveAxon(link, keypairFromUri("//Miner3"), { ...AXON, ip: "2001:db8::7" })).toBe(true);
    expect((await readMetagraph(link, NETUID)).neurons[3]!.axon).toMatchObject({ ip: "2001:db8::7", ipType: 6 });
  });

  test("refuses what the chain would refuse before sending it", async () => {
    const { link } = shared;
    const miner = keypairFromUri("//Miner4");
    expect((await faultOf(serveAxon(link, miner, { ...AXON, ip: "127.0.0.1" }))).message).toContain("the chain refuses 127.0.0.1");
    expect((await faultOf(serveAxon(link, miner, { ...AXON, ip: "localhost" }))).code).toBe("usage");
    expect((await faultOf(serveAxon(link, keypairFromUri("//Stranger"), AXON))).message).toContain('register it with "btstore register --netuid 1"');
  });
});

describe("setWeights()", () => {
  test("sets what the chain then shows, and tells when the next time is", async () => {
    const { chain, link } = shared;
    const validator = keypairFromUri("//Validator0");
    await setWeights(link, request(validator, [{ uid: 3, weight: 0.25 }, { uid: 2, weight: 0.5 }, { uid: 4, weight: 0 }]));
    expect(chain.neurons(NETUID)[0]!.weights).toEqual([{ uid: 2, weight: 65_535 }, { uid: 3, weight: 32_768 }]);
    const metagraph = await readMetagraph(link, NETUID);
    expect(metagraph.neurons[0]!.lastUpdate).toBe(chain.neurons(NETUID)[0]!.lastUpdate);
    expect((await faultOf(setWeights(link, request(validator, [{ uid: 2, weight: 1 }])))).message).toMatch(/they were set at block \d+, the next attempt is allowed at block \d+, in about/);
  });

  test("incentive follows after the epoch", async () => {
    const { link } = shared;
    await headFrom(link, (await readNextEpochBlock(link, NETUID)) + 1);
    const { neurons } = await readMetagraph(link, NETUID);
    expect(neurons[2]!.incentive).toBeGreaterThan(neurons[3]!.incentive);
    expect(neurons[4]!.incentive).toBe(0);
    expect((await readMetagraph(without(link, { calls: true }), NETUID)).neurons.map(({ incentive }) => incentive)).toEqual(neurons.map(({ incentive }) => incentive));
  });

  test("refuses what the chain would refuse before sending it", async () => {
    const { link } = shared;
    const validator = keypairFromUri("//Validator1");
    const weights = [{ uid: 2, weight: 1 }];
    expect((await faultOf(setWeights(link, request(keypairFromUri("//Stranger"), weights)))).code).toBe("not_registered");
    expect((await faultOf(setWeights(link, request(keypairFromUri("//Miner4"), weights)))).message).toContain("no validator permit");
    expect((await faultOf(setWeights(link, request(validator, [{ uid: 2, weight: 0 }])))).message).toContain("all weights are zero");
    expect((await faultOf(setWeights(link, request(validator, [{ uid: 200, weight: 1 }])))).message).toContain("the subnet has no uid 200");
  });
});

describe("submit()", () => {
  test("tells dispatch errors and the pool's refusals in words", async () => {
    const { link } = shared;
    const alice = keypairFromUri("//Alice");
    const miner = keypairFromUri("//Miner4");
    const action = "Cannot try";
    const twice = submit(link, { action, signer: alice, makeCall: () => encodeRegister(link.api, NETUID, miner.ss58), event: "SubtensorModule.NeuronRegistered" });
    expect(await faultOf(twice)).toMatchObject({ code: "chain_refused", message: "Cannot try: the hotkey is registered on this subnet already; nothing is to be done (HotKeyAlreadyRegisteredInSubNet)" });
    const permitless = submit(link, { action, signer: miner, makeCall: () => encodeSetWeights(link.api, NETUID, [0], [1], 0), event: "SubtensorModule.WeightsSet" });
    expect((await faultOf(permitless)).code).toBe("chain_refused");
    const loopback = submit(link, { action, signer: miner, makeCall: () => encodeServeAxon(link.api, NETUID, 1, { value: 0x7f000001n, family: 4 }, 1), event: "SubtensorModule.AxonServed" });
    expect((await faultOf(loopback)).message).toContain("the chain refuses this IP address");
    const poor = submit(link, { action, signer: keypairFromUri("//Poor"), makeCall: () => encodeRegister(link.api, NETUID, miner.ss58), event: "SubtensorModule.NeuronRegistered" });
    expect((await faultOf(poor)).message).toContain("does not cover the fee");
  });

  test("signs again by the new runtime when the chain was upgraded under it", async () => {
    const { chain } = await network();
    const relay = startUpgradeRelay(chain.url);
    open.push({ close: relay.stop });
    const debug: string[] = [];
    const { link, close } = await openLink({ endpoints: [relay.url], log: { ...silentLog, debug: (message) => {
      debug.push(message);
      // The announcement comes only once the client has been refused.
      if (message === "Signing an extrinsic again") relay.announce();
    } } });
    open.push({ close });
    const old = link.api.runtimeVersion.specVersion.toNumber();
    relay.upgrade();
    expect(await serveAxon(link, keypairFromUri("//Miner2"), AXON)).toBe(true);
    expect(link.api.runtimeVersion.specVersion.toNumber()).toBe(old + 1);
    expect(debug).toContain("Signing an extrinsic again");
    expect(debug.some((line) => line.includes("Runtime version updated"))).toBe(true);
  });

  test("survives an upgrade whose metadata do not come at first", async () => {
    const { chain } = await network();
    const relay = startUpgradeRelay(chain.url);
    open.push({ close: relay.stop });
    const { link, close } = await openLink({ endpoints: [relay.url], log: silentLog });
    open.push({ close });
    const old = link.api.runtimeVersion.specVersion.toNumber();
    const lost = new Promise<void>((resolve) => void link.socket.on("disconnected", resolve));
    const updated = new Promise<void>((resolve) => void link.api.on("decorated", resolve));
    relay.refused.add("state_getMetadata");
    relay.upgrade();
    relay.announce();
    await lost;
    relay.refused.clear();
    await updated;
    expect(link.api.runtimeVersion.specVersion.toNumber()).toBe(old + 1);
    expect(await serveAxon(link, keypairFromUri("//Miner2"), AXON)).toBe(true);
  });

  test("does not take inclusion without the pallet's own event for success", async () => {
    const { link } = shared;
    const makeCall = () => link.api.tx["system"]!["remark"]!("0x00");
    const error = await faultOf(submit(link, { action: "Cannot try", signer: keypairFromUri("//Alice"), makeCall, event: "SubtensorModule.WeightsSet" }));
    expect(error.message).toBe("Cannot try: the call was included, but the chain reports no SubtensorModule.WeightsSet");
  });
});

describe("connectChain()", () => {
  test("connects over a wire that is cut, hears of heads again, and calls work after it", async () => {
    const { chain } = await network();
    const relay = await startRelay(chain.port);
    open.push({ close: relay.stop });
    const client = await connectChain({ endpoints: [relay.url], log: silentLog });
    open.push(client);
    expect(client.blockMs).toBe(40);
    const { number } = await headFrom(client, 2);
    relay.cut();
    expect((await headFrom(client, number + 3)).number).toBeGreaterThanOrEqual(number + 3);
    expect(client.isConnected()).toBe(true);
    expect(await client.serveAxon(keypairFromUri("//Miner2"), AXON)).toBe(true);
    expect((await client.metagraph(NETUID)).neurons[2]!.axon?.port).toBe(8091);
  });

  test("ends a submission at once when the wire is cut, and says so", async () => {
    const { chain, link } = await network({ sealing: "manual" });
    const relay = await startRelay(chain.port);
    open.push({ close: relay.stop });
    const client = await connectChain({ endpoints: [relay.url], log: silentLog });
    open.push(client);
    chain.produceBlocks(1);
    const sent = client.serveAxon(keypairFromUri("//Miner3"), AXON).catch((error: unknown) => error);
    // Nothing makes a block, so the call waits in the pool until the wire is cut.
    while ((await link.socket.send("author_pendingExtrinsics", [])).length === 0);
    relay.cut();
    expect(await sent).toMatchObject({ code: "chain" });
    expect(((await sent) as Error).message).toContain("the connection was lost");
  });

  test("a listener that throws does not stop the others", async () => {
    const stop = shared.link.onHead(() => {
      throw new Error("listener");
    });
    const { number } = shared.link.head();
    expect((await headFrom(shared.link, number + 2)).number).toBeGreaterThan(number);
    stop();
  });
});
