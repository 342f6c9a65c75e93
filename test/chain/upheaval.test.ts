/** What a long-running role lives through: upgrades, lost connections, nodes that go away, its place on the subnet lost. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { encodeRegister } from "../../lib/chain/encode.ts";
import { connectChain, type Chain } from "../../lib/chain/mod.ts";
import { submit } from "../../lib/chain/submit.ts";
import { BtstoreError, silentLog } from "../../lib/core/mod.ts";
import { type Hotkey, keypairFromUri } from "../../lib/wallet/mod.ts";
import { headFrom, NETUID, type NetworkOptions, startNetwork, startRelay } from "./_devnet.ts";

// These wait for blocks, which a busy machine makes slowly.
setDefaultTimeout(60_000);

const AXON = { netuid: NETUID, ip: "127.0.0.2", port: 8091, version: 1 };
const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function connected(options: NetworkOptions = {}, ...before: string[]) {
  const network = await startNetwork(options);
  open.push(network);
  const client = await connectChain({ endpoints: [...before, network.chain.url], log: silentLog });
  open.push(client);
  return { chain: network.chain, link: network.link, client };
}

async function faultOf(promise: Promise<unknown>): Promise<BtstoreError> {
  const error = await promise.then((value) => value, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BtstoreError);
  return error as BtstoreError;
}

const uidOf = async (client: Chain, { ss58 }: Hotkey) => (await client.metagraph(NETUID)).neurons.find(({ hotkey }) => hotkey === ss58)?.uid ?? null;

describe("connectChain()", () => {
  test("goes on over runtime upgrades one after the other: calls are signed for the runtime that stands", async () => {
    const { chain, client } = await connected({ subnet: { weightsSetRateLimit: 1, servingRateLimit: 1 } });
    for (const [upgrade, port] of [8091, 8092, 8093].entries()) {
      expect(await client.serveAxon(keypairFromUri("//Miner2"), { ...AXON, port })).toBe(true);
      chain.upgradeRuntime();
      const { number } = client.head();
      // One right away, still signed for the old runtime as far as the client knows, and one later.
      expect(await client.setWeights(keypairFromUri("//Validator0"), NETUID, [{ uid: 2 + (upgrade % 2), weight: 1 }], 0)).toEqual({ kind: "set" });
      await headFrom(client, number + 4);
      expect((await client.metagraph(NETUID)).neurons[2]!.axon?.port).toBe(port);
    }
  });

  test("hears of heads again after the node ended every connection, and again", async () => {
    const { chain, client } = await connected();
    for (let round = 0; round < 3; round++) {
      const { number } = await headFrom(client, client.head().number + 2);
      chain.dropConnections();
      await headFrom(client, number + 3);
      expect((await client.metagraph(NETUID)).neurons.length).toBe(5);
    }
  });

  test("goes over to another address when one goes away for good", async () => {
    const network = await startNetwork();
    open.push(network);
    const relay = await startRelay(network.chain.port);
    const client = await connectChain({ endpoints: [relay.url, network.chain.url], log: silentLog });
    open.push(client);
    const { number } = await headFrom(client, 2);
    await relay.stop();
    await headFrom(client, number + 3);
    expect(await client.serveAxon(keypairFromUri("//Miner2"), AXON)).toBe(true);
  });

  test("begins at the second address when nobody listens at the first", async () => {
    const { client } = await connected({}, "ws://127.0.0.1:1");
    expect((await client.metagraph(NETUID)).neurons.length).toBe(5);
  });

  test("tells a hotkey that it lost its place, and how to get one again", async () => {
    const { client } = await connected({ sealing: "timer", subnet: { maxAllowedUids: 5 } });
    const alice = keypairFromUri("//Alice");
    const [old, newcomer] = [keypairFromUri("//Miner2"), keypairFromUri("//Newcomer")];
    expect(await uidOf(client, old)).toBe(2);
    // All are equally immune and earn nothing: the oldest goes, and the owner's own hotkey never.
    const { uid } = await client.register(alice, newcomer.ss58, NETUID);
    const lost = ["//Validator1", "//Miner2", "//Miner3", "//Miner4"].map((uri) => keypairFromUri(uri))[uid - 1]!;
    expect(await uidOf(client, lost)).toBeNull();
    expect(await uidOf(client, newcomer)).toBe(uid);
    const fault = await faultOf(client.serveAxon(lost, AXON));
    expect(fault).toMatchObject({ code: "not_registered", message: expect.stringContaining('register it with "btstore register --netuid 1"') });
    expect((await faultOf(client.setWeights(lost, NETUID, [{ uid: 0, weight: 1 }], 0))).code).toBe("not_registered");
  });

  test("lets the chain itself hold the price limit where it can", async () => {
    const { client, link } = await connected();
    const [alice, newcomer] = [keypairFromUri("//Alice"), keypairFromUri("//Newcomer").ss58];
    const quote = await client.quoteRegistration(alice.ss58, newcomer, NETUID);
    expect(quote.isLimitHeld).toBe(true);
    expect(quote.fee!).toBeGreaterThan(0n);
    expect(quote.price).toBeGreaterThan(0n);
    expect(quote.balance).toBeGreaterThan(quote.price);
    const makeCall = () => encodeRegister(link.api, NETUID, newcomer, quote.price / 2n);
    const refused = await faultOf(submit(link, { action: "Cannot register", signer: alice, makeCall, event: "SubtensorModule.NeuronRegistered" }));
    expect(refused.message).toContain("the price rose above the limit that was agreed to");
    expect(await client.register(alice, newcomer, NETUID, quote.price)).toEqual({ uid: 5 });
    const { client: older } = await connected({ specVersion: 293 });
    expect((await older.quoteRegistration(alice.ss58, newcomer, NETUID)).isLimitHeld).toBe(false);
    expect(await older.register(alice, newcomer, NETUID, quote.price * 2n)).toEqual({ uid: 5 });
  });
});
