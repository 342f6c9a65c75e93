/** The embedded chain as a node: connecting, blocks, extrinsics that must be refused, queries, runtime APIs. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ApiPromise, WsProvider } from "@polkadot/api";
import { blake2AsHex } from "@polkadot/util-crypto";
import { fromHex, toHex } from "../../lib/core/mod.ts";
import { startChain } from "../../lib/devnet/mod.ts";
import { address, BLOCK_MS, type Client, key, refusalText, startClient, TAO, type Tx } from "./_client.ts";

let client: Client;
const transfer = (rao = TAO): Tx => client.api.tx.balances!.transferKeepAlive!(address("//New"), rao) as Tx;
const signed = async (options: object = {}, uri = "//Rich") => (await transfer().signAsync(key(uri), { nonce: -1, ...options })).toHex();
const send = (hex: string) => client.provider.send<string>("author_submitExtrinsic", [hex]).then(() => "accepted", refusalText);

beforeEach(async () => {
  client = await startClient({
    tempoBlocks: 5,
    endowments: [{ account: address("//Rich"), rao: 1000n * TAO }],
    subnet: {
      netuid: 1,
      neurons: [
        { hotkey: address("//V"), coldkey: address("//VCold"), stake: 5000n * TAO },
        { hotkey: address("//M1"), coldkey: address("//MCold"), stake: 0n },
        { hotkey: address("//M2"), coldkey: address("//MCold"), stake: 0n },
      ],
    },
  });
});
afterEach(() => client.stop());

describe("startChain()", () => {
  test("gives an unmodified ApiPromise its speed, its name and its version", () => {
    const { api } = client;
    expect((api.consts.aura!.slotDuration as any).toNumber()).toBe(BLOCK_MS);
    expect(api.runtimeChain.toString()).toBe("btstore devnet");
    expect(api.runtimeVersion.specVersion.toNumber()).toBe(393);
    expect(api.registry.chainTokens).toEqual(["TAO"]);
    expect(api.registry.chainDecimals).toEqual([9]);
  });

  test("refuses a block time out of range", async () => {
    for (const blockMs of [19, 60_001, Number.NaN]) await expect(startChain({ blockMs })).rejects.toThrow(RangeError);
  });

  test("makes blocks by the clock, and makes up for a stall", async () => {
    let now = 1_000_000;
    const sleepers: { until: number; wake: () => void }[] = [];
    const clock = {
      now: () => now,
      monotonic: () => now,
      sleep: (ms: number) => new Promise<void>((wake) => void sleepers.push({ until: now + ms, wake })),
    };
    const chain = await startChain({ blockMs: 100, clock });
    const pass = async (ms: number) => {
      now += ms;
      for (const { wake } of sleepers.splice(0)) wake();
      await Promise.resolve();
      await Promise.resolve();
    };
    await pass(100);
    expect(chain.head().number).toBe(1);
    await pass(99);
    expect(chain.head().number).toBe(1);
    await pass(1001);
    expect(chain.head().number).toBe(12);
    await pass(100_000);
    expect(chain.head().number).toBe(12 + 64);
    await chain.stop();
  });
});

describe("blocks", () => {
  test("hash to the blake2-256 of their SCALE header, genesis too, and chain by it", async () => {
    client.chain.produceBlocks(2);
    let child: any = null;
    for (const number of [2, 1, 0]) {
      const hash = await client.api.rpc.chain.getBlockHash(number);
      const header = await client.api.rpc.chain.getHeader(hash);
      expect(blake2AsHex(header.toU8a(), 256)).toBe(hash.toHex());
      if (child) expect(child.parentHash.toHex()).toBe(hash.toHex());
      child = header;
    }
  });

  test("begin with the timestamp, one block time after the last", async () => {
    client.chain.produceBlocks(2);
    const at = async (number: number) => (await client.api.at(await client.api.rpc.chain.getBlockHash(number))).query.timestamp!.now!() as any;
    expect((await at(2)).toNumber() - (await at(1)).toNumber()).toBe(BLOCK_MS);
    const { block } = await client.api.rpc.chain.getBlock();
    expect(block.extrinsics.map(({ method }) => `${method.section}.${method.method}`)).toEqual(["timestamp.set"]);
  });

  test("are seen alike by two clients", async () => {
    const other = await ApiPromise.create({ provider: new WsProvider(client.chain.url), noInitWarn: true });
    const seen = [client.api, other].map((api) => {
      const hashes: string[] = [];
      const done = Promise.withResolvers<void>();
      void api.rpc.chain.subscribeNewHeads((header) => {
        hashes.push(header.hash.toHex());
        if (header.number.toNumber() === 3) done.resolve();
      });
      return { hashes, done: done.promise };
    });
    // Both subscriptions are answered before the requests that follow them on the same socket.
    await Promise.all([client.api, other].map((api) => api.rpc.chain.getFinalizedHead()));
    client.chain.produceBlocks(3);
    await Promise.all(seen.map(({ done }) => done));
    expect(seen[0]!.hashes).toHaveLength(4);
    expect(seen[1]!.hashes).toEqual(seen[0]!.hashes);
    await other.disconnect();
  });

  test("forget state older than 2400 blocks, not the genesis", async () => {
    client.chain.produceBlocks(2405);
    const hash = (await client.provider.send<string | null>("chain_getBlockHash", [3]));
    expect(hash).toBeNull();
    expect(await client.provider.send("chain_getBlockHash", [0])).toBe(client.api.genesisHash.toHex());
    // Immortal extrinsics are still signed over it.
    expect(await send(await signed({ era: 0 }))).toBe("accepted");
  });
});

describe("author_submitAndWatchExtrinsic", () => {
  test("tells ready, inBlock and finalized", async () => {
    const statuses: string[] = [];
    const done = Promise.withResolvers<any>();
    await transfer().signAndSend(key("//Rich"), { nonce: -1 }, (result) => {
      statuses.push(result.status.type);
      if (result.status.isReady || result.status.isInBlock) client.chain.produceBlocks(1);
      if (result.status.isFinalized) done.resolve(result);
    });
    const result = await done.promise;
    expect(statuses).toEqual(["Ready", "InBlock", "Finalized"]);
    expect(result.status.asFinalized.toHex()).toBe((await client.api.rpc.chain.getBlockHash(1)).toHex());
    expect((await client.api.rpc.chain.getFinalizedHead()).toHex()).toBe(result.status.asFinalized.toHex());
    expect(client.chain.head().number).toBe(2);
    expect(result.dispatchError).toBeUndefined();
  });

  test("keeps a future nonce waiting until its turn", async () => {
    expect(await send(await signed({ nonce: 1 }))).toBe("accepted");
    client.chain.produceBlocks(1);
    const nonce = async () => ((await client.api.query.system!.account!(address("//Rich"))) as any).nonce.toNumber();
    expect(await nonce()).toBe(0);
    expect(await client.api.rpc.system.accountNextIndex(address("//Rich")).then(String)).toBe("0");
    expect(await send(await signed({ nonce: 0 }))).toBe("accepted");
    expect(await client.api.rpc.system.accountNextIndex(address("//Rich")).then(String)).toBe("2");
    client.chain.produceBlocks(1);
    expect(await nonce()).toBe(2);
  });
});

describe("an extrinsic is accepted", () => {
  test("whatever the length of what is signed: up to 256 bytes as they are, longer ones hashed", async () => {
    // Around a remark of 80 bytes the payload crosses 256.
    for (const length of [0, ...Array.from({ length: 40 }, (_, i) => 150 + i), 1000]) {
      const remark = client.api.tx.system!.remark!(`0x${"00".repeat(length)}`) as Tx;
      const hex = (await remark.signAsync(key("//Rich"), { nonce: -1 })).toHex();
      expect(await send(hex), `remark of ${length} bytes`).toBe("accepted");
      client.chain.produceBlocks(1);
    }
  });
});

describe("an extrinsic is refused", () => {
  const BAD_PROOF = "1010: Transaction has a bad signature";

  test("when any byte of it was changed after signing", async () => {
    const hex = await signed();
    const bytes = fromHex(hex);
    // Length, version, address kind and key, signature kind: from there on, signature, era, nonce, tip, mode, call.
    for (let offset = 0; offset < bytes.length; offset++) {
      const changed = bytes.slice();
      changed[offset] = changed[offset]! ^ 1;
      expect(await send(`0x${toHex(changed)}`), `byte ${offset}`).not.toBe("accepted");
    }
    expect(await send(hex)).toBe("accepted");
  });

  test("when signed for another chain, another version or another birth block", async () => {
    const other = `0x${"11".repeat(32)}`;
    expect(await send(await signed({ genesisHash: other, era: 0 }))).toBe(BAD_PROOF);
    // signAsync() insists on the chain's own version; the extrinsic itself does not.
    const versioned = async (specVersion: number, transactionVersion: number) => {
      const options = { blockHash: client.api.genesisHash, genesisHash: client.api.genesisHash, nonce: 1, runtimeVersion: { specVersion, transactionVersion } as never };
      return send(client.api.createType("Extrinsic", transfer()).sign(key("//Rich"), options).toHex());
    };
    expect(await versioned(392, 1)).toBe(BAD_PROOF);
    expect(await versioned(393, 2)).toBe(BAD_PROOF);
    expect(await versioned(393, 1)).toBe("accepted");
    const era = client.api.registry.createType("ExtrinsicEra", { current: 0, period: 64 });
    expect(await send(await signed({ era, blockHash: other }))).toBe(BAD_PROOF);
    expect(await send(await signed({ era, blockHash: client.api.genesisHash }))).toBe("accepted");
  });

  test("when its era has passed, or begins at a block that is not yet", async () => {
    const hex = await signed({ era: client.api.registry.createType("ExtrinsicEra", { current: 0, period: 4 }), blockHash: client.api.genesisHash });
    client.chain.produceBlocks(4);
    expect(await send(hex)).toBe(BAD_PROOF);
    const ahead = client.api.registry.createType("ExtrinsicEra", { current: 5, period: 64 });
    expect(await send(await signed({ era: ahead, blockHash: client.chain.head().hash }))).toBe("1010: Transaction has an ancient birth block");
  });

  test("when its era passes while it waits, and its watcher is told", async () => {
    const statuses: string[] = [];
    const done = Promise.withResolvers<void>();
    const options = { nonce: 1, era: client.api.registry.createType("ExtrinsicEra", { current: 0, period: 4 }), blockHash: client.api.genesisHash };
    const watched = await transfer().signAsync(key("//Rich"), options as never);
    await watched.send((result: any) => {
      statuses.push(result.status.type);
      if (result.status.isInvalid) done.resolve();
    });
    client.chain.produceBlocks(4);
    expect(await send(await signed({ nonce: 0 }))).toBe("accepted");
    client.chain.produceBlocks(1);
    await done.promise;
    expect(statuses).toEqual(["Future", "Invalid"]);
  });

  test("when its nonce is spent, taken, or far ahead", async () => {
    const first = await signed();
    expect(await send(first)).toBe("accepted");
    expect(await send(first)).toStartWith("1013: 0x");
    expect(await send(await signed({ nonce: 0, tip: 5 }))).toStartWith("1014: ");
    expect(await send(await signed({ nonce: 65 }))).toStartWith("1016: ");
    client.chain.produceBlocks(1);
    expect(await send(first)).toBe("1010: Transaction is outdated");
    expect(await send(await signed({ nonce: 0 }))).toBe("1010: Transaction is outdated");
  });

  test("when its signer cannot pay", async () => {
    expect(await send(await signed({}, "//Poor"))).toBe("1010: Inability to pay some fees (e.g. account balance too low)");
  });

  test("when it is malformed: empty, cut short, too long, unsigned, of an unknown call, nested beyond measure", async () => {
    const bytes = fromHex(await signed());
    const wrap = (body: Uint8Array) => `0x${toHex(client.api.registry.createType("Bytes", `0x${toHex(body)}`).toU8a())}`;
    const body = bytes.slice(2);
    const head = body.slice(0, body.length - transfer().method.toU8a().length);
    const nested = new Uint8Array(40_000).map((_, i) => (i % 2 === 0 ? 12 : 0));
    const cases = {
      nothing: "0x", "a length alone": "0x04", "a huge length": "0x13ffffffffffffffff", "cut short": `0x${toHex(bytes.slice(0, -1))}`, "too long": `0x${toHex(bytes)}00`,
      unsigned: wrap(new Uint8Array([4, 2, 0, 0])), "version 5": wrap(new Uint8Array([0x85, ...body.slice(1)])),
      "no such pallet": wrap(new Uint8Array([...head, 99, 0])), "no such call": wrap(new Uint8Array([...head, 7, 250])), nested: wrap(new Uint8Array([...head, ...nested])),
      "a list longer than the bytes": wrap(new Uint8Array([...head, 7, 0, 1, 0, 0xfe, 0xff, 0xff, 0xff])),
    };
    for (const [name, hex] of Object.entries(cases)) expect(await send(hex), name).toStartWith("1001: ");
    expect(await send(await signed())).toBe("accepted");
  });
});

describe("queries", () => {
  const query = (item: string, ...args: unknown[]) => client.api.query.subtensorModule![item]!(...args) as Promise<any>;

  test("read what a subnet begins with", async () => {
    expect((await query("validatorPermit", 1)).toJSON()).toEqual([true, false, false]);
    expect((await query("tempo", 1)).toNumber()).toBe(5);
    expect((await query("stakeThreshold")).toBigInt()).toBe(1000n * TAO);
    expect((await query("uids", 1, address("//M2"))).unwrap().toNumber()).toBe(2);
    expect((await query("commitRevealWeightsEnabled", 1)).isTrue).toBe(false);
    expect((await query("totalHotkeyAlpha", address("//V"), 1)).toBigInt()).toBe(5000n * TAO);
    expect((await query("uids", 1, address("//Nobody"))).isNone).toBe(true);
  });

  test("list a map page by page, and follow values", async () => {
    const entries = (await (client.api.query.subtensorModule!.keys as any).entries(1)) as [any, any][];
    expect(entries.map(([{ args }, value]) => [args[1].toNumber(), value.toString()])).toEqual([[0, address("//V")], [1, address("//M1")], [2, address("//M2")]]);
    const numbers: number[] = [];
    const done = Promise.withResolvers<void>();
    await client.api.query.system!.number!((number: any) => {
      numbers.push(number.toNumber());
      if (numbers.length === 3) done.resolve();
    });
    client.chain.produceBlocks(2);
    await done.promise;
    expect(numbers).toEqual([0, 1, 2]);
  });

  test("read old blocks as they were", async () => {
    const free = async (at?: string) => ((await (at ? await client.api.at(at) : client.api).query.system!.account!(address("//New"))) as any).data.free.toBigInt();
    const before = client.chain.head().hash;
    await client.submit(transfer(3n * TAO), "//Rich");
    const after = client.chain.head().hash;
    await client.submit(transfer(2n * TAO), "//Rich");
    expect([await free(before), await free(after), await free()]).toEqual([0n, 3n * TAO, 5n * TAO]);
  });
});

describe("runtime APIs", () => {
  const api = (method: string, ...args: unknown[]) => (client.api.call.subnetInfoRuntimeApi as any)[method](...args);

  test("give the metagraph, whole and in parts, after weights and an epoch", async () => {
    await client.submit(client.api.tx.subtensorModule!.serveAxon!(1, 1, 0x0a000001, 9000, 4, 4, 0, 0) as Tx, "//M1");
    await client.submit(client.api.tx.subtensorModule!.setWeights!(1, [1, 2], [3, 1], 0) as Tx, "//V");
    client.chain.produceBlocks(3);
    const whole = (await api("getMetagraph", 1)).unwrap();
    expect(whole.hotkeys.map(String)).toEqual(["//V", "//M1", "//M2"].map(address));
    expect(whole.incentives.map((value: any) => value.toNumber())).toEqual([0, 49_151, 16_383]);
    expect(whole.dividends.map((value: any) => value.toNumber())).toEqual([65_535, 0, 0]);
    expect(whole.axons[1].port.toNumber()).toBe(9000);
    expect(whole.block.toNumber()).toBe(5);
    const emission: bigint[] = whole.emission.map((value: any) => value.toBigInt());
    // Five blocks of one alpha each, less the owner's 18 %.
    expect(Number(emission.reduce((sum, rao) => sum + rao, 0n)) / 1e9).toBeCloseTo(4.1, 3);
    expect(whole.totalStake[0].toBigInt()).toBe(5000n * TAO + emission[0]!);

    const part = (await api("getSelectiveMetagraph", 1, [52, 62, 72, 999])).unwrap();
    expect(part.hotkeys.unwrap().map(String)).toEqual(whole.hotkeys.map(String));
    expect(part.incentives.unwrap().toJSON()).toEqual(whole.incentives.toJSON());
    expect(part.validators.unwrap().toJSON()).toEqual([0]);
    expect(part.axons.isNone).toBe(true);
    expect((await api("getSelectiveMetagraph", 9, [52])).isNone).toBe(true);
    expect(client.chain.neurons(1).map(({ incentive }) => incentive)).toEqual([0, 49_151, 16_383]);
  });

  test("tell when the next epoch begins, and it does", async () => {
    expect((await api("getNextEpochStartBlock", 1)).unwrap().toNumber()).toBe(5);
    client.chain.produceBlocks(4);
    expect(client.chain.epochCount(1)).toBe(0);
    client.chain.produceBlocks(1);
    expect(client.chain.epochCount(1)).toBe(1);
    expect((await api("getNextEpochStartBlock", 1)).unwrap().toNumber()).toBe(10);
    expect((await api("getNextEpochStartBlock", 9)).isNone).toBe(true);
    expect((await client.api.query.subtensorModule!.lastEpochBlock!(1) as any).toNumber()).toBe(5);
  });
});
