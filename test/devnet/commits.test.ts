/** Commit-reveal on the embedded chain as an unmodified client sees it: calls, refusals, pulses, reveals, and upgrades. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { commitHash, timelockPayload } from "../../lib/chain/commit.ts";
import { pointOfRound, sealTimelock } from "../../lib/chain/timelock.ts";
import { toHex } from "../../lib/core/mod.ts";
import { address, type Client, key, startClient, TAO, type Tx } from "./_client.ts";

// These wait for blocks, which a busy machine makes slowly.
setDefaultTimeout(60_000);

const NETUID = 1;
const TEMPO = 10;
let client: Client;
afterEach(() => client.stop());

async function start(options: { isCommitRevealEnabled?: boolean; specVersion?: number; tempoBlocks?: number } = {}): Promise<void> {
  const { isCommitRevealEnabled = true, ...rest } = options;
  const neurons = ["//V", "//W", "//M"].map((uri, uid) => ({ hotkey: address(uri), coldkey: address("//Owner"), stake: uid < 2 ? 3000n * TAO : 0n }));
  client = await startClient({ tempoBlocks: TEMPO, subnet: { netuid: NETUID, owner: address("//Owner"), neurons, weightsSetRateLimit: 0, isCommitRevealEnabled }, ...rest });
}

const call = (name: string, ...values: unknown[]) => client.api.tx["subtensorModule"]![name]!(...values) as Tx;
const read = async (pallet: string, item: string, ...keys: unknown[]) => (await client.api.query[pallet]![item]!(...keys)) as any;
const weights = (uri: string) => ({ account: key(uri).publicKey, uids: [2], values: [65_535], versionKey: 0 });
const beacon = async () => (await read("drand", "beaconConfig")).publicKey.toU8a(true) as Uint8Array;
const lastRound = async () => Number(await read("drand", "lastStoredRound"));
const timelocked = async (payloadOf: string, round: number, version = 4) => call("commitTimelockedMechanismWeights", NETUID, 0, `0x${toHex(sealTimelock(timelockPayload(weights(payloadOf)), round, await beacon()))}`, round, version);
const standing = (uid: number) => client.chain.neurons(NETUID)[uid]!.weights;

describe("the beacon", () => {
  test("publishes one pulse after the other, each signed by the key that BeaconConfig names", async () => {
    await start();
    client.chain.produceBlocks(3);
    const last = await lastRound();
    const config = await read("drand", "beaconConfig");
    expect(config.period.toNumber()).toBe(1);
    const publicKey = bls12_381.G2.Point.fromBytes(await beacon());
    for (const round of [last - 2, last - 1, last]) {
      const pulse = (await read("drand", "pulses", round)).unwrap();
      const signature = bls12_381.G1.Point.fromBytes(pulse.signature.toU8a(true));
      const { Fp12 } = bls12_381.fields;
      expect(Fp12.eql(bls12_381.pairing(signature, bls12_381.G2.Point.BASE), bls12_381.pairing(pointOfRound(round), publicKey)), `round ${round}`).toBe(true);
    }
    client.chain.produceBlocks(1);
    expect(await lastRound()).toBe(last + 1);
  });

  test("is silent while no subnet has commit-reveal on", async () => {
    await start({ isCommitRevealEnabled: false });
    client.chain.produceBlocks(3);
    expect(await lastRound()).toBe(0);
    expect((await client.submit(await timelocked("//V", 1), "//V")).error).toBe("subtensorModule.CommitRevealDisabled");
  });
});

describe("commit_timelocked_mechanism_weights", () => {
  test("is revealed in the next epoch once its pulse is there, and a commit of somebody else's payload never", async () => {
    await start();
    client.chain.produceBlocks(TEMPO);
    const round = (await lastRound()) + 12;
    expect((await client.submit(await timelocked("//V", round), "//V")).events).toContain("subtensorModule.TimelockedWeightsCommitted");
    expect((await client.submit(await timelocked("//V", round), "//W")).error).toBeNull();
    while ((await lastRound()) < round - 1) client.chain.produceBlocks(1);
    expect(standing(0)).toEqual([]);
    client.chain.produceBlocks(1);
    expect([standing(0), standing(1)]).toEqual([[{ uid: 2, weight: 65_535 }], []]);
  });

  test("is never revealed when its pulse comes after its epoch", async () => {
    await start();
    client.chain.produceBlocks(TEMPO);
    await client.submit(await timelocked("//V", (await lastRound()) + 3 * TEMPO), "//V");
    client.chain.produceBlocks(4 * TEMPO);
    expect(standing(0)).toEqual([]);
  });

  test("is refused for a round that is over, another version, and an eleventh time", async () => {
    // All in one epoch.
    await start({ tempoBlocks: 40 });
    client.chain.produceBlocks(2);
    expect(await client.refusal(await timelocked("//V", (await lastRound()) - 1), "//V")).toBe("1010: Custom error: 15");
    const round = (await lastRound()) + 100;
    expect((await client.submit(await timelocked("//V", round, 3), "//V")).error).toBe("subtensorModule.IncorrectCommitRevealVersion");
    const errors = [];
    for (let i = 0; i < 11; i++) errors.push((await client.submit(await timelocked("//V", round), "//V")).error);
    expect(errors).toEqual([...Array(10).fill(null), "subtensorModule.TooManyUnrevealedCommits"]);
  });
});

describe("commit_weights and reveal_weights", () => {
  const reveal = (salt: number[]) => call("revealWeights", NETUID, [2], [65_535], salt, 0);
  const commit = (salt: number[]) => call("commitWeights", NETUID, `0x${toHex(commitHash(weights("//V"), NETUID, salt))}`);

  test("reveal in the epoch after the commit, not before and not later", async () => {
    await start();
    client.chain.produceBlocks(TEMPO);
    expect(await client.refusal(reveal([1]), "//V")).toBe("1010: Custom error: 16");
    expect((await client.submit(commit([1]), "//V")).events).toContain("subtensorModule.WeightsCommitted");
    expect(await client.refusal(reveal([1]), "//V")).toBe("1010: Custom error: 17");
    client.chain.produceBlocks(TEMPO);
    expect(await client.refusal(reveal([2]), "//V")).toBe("1010: Custom error: 16");
    expect((await client.submit(reveal([1]), "//V")).events).toContain("subtensorModule.WeightsRevealed");
    expect(standing(0)).toEqual([{ uid: 2, weight: 65_535 }]);
    expect(await client.refusal(reveal([1]), "//V")).toBe("1010: Custom error: 16");
    await client.submit(commit([3]), "//V");
    client.chain.produceBlocks(2 * TEMPO + 1);
    expect(await client.refusal(reveal([3]), "//V")).toBe("1010: Custom error: 16");
  });
});

describe("upgradeRuntime()", () => {
  test("brings a new version with the next block; what was signed for the old one is refused from then on", async () => {
    await start({ specVersion: 293 });
    expect(client.api.tx["subtensorModule"]!["commitTimelockedMechanismWeights"]).toBeUndefined();
    const stale = await call("setWeights", NETUID, [2], [1], 0).signAsync(key("//V"), { nonce: 0 });
    const upgraded = new Promise<void>((resolve) => void client.api.once("decorated", resolve));
    client.chain.upgradeRuntime(393);
    expect(client.api.runtimeVersion.specVersion.toNumber()).toBe(293);
    client.chain.produceBlocks(1);
    await upgraded;
    expect(client.api.runtimeVersion.specVersion.toNumber()).toBe(393);
    expect(await client.provider.send("author_submitExtrinsic", [stale.toHex()]).catch(({ data }: { data: string }) => data)).toBe("Transaction has a bad signature");
    expect(client.api.tx["subtensorModule"]!["commitTimelockedMechanismWeights"]).toBeDefined();
    const before = await client.api.rpc.state.getRuntimeVersion(await client.api.rpc.chain.getBlockHash(0));
    expect(before.specVersion.toNumber()).toBe(293);
  });
});

describe("register_limit", () => {
  test("registers up to the limit, and refuses above it", async () => {
    await start();
    expect((await client.submit(call("registerLimit", NETUID, address("//N"), 1n), "//Alice")).error).toBe("subtensorModule.RegistrationPriceLimitExceeded");
    expect((await client.submit(call("registerLimit", NETUID, address("//N"), 2n * TAO), "//Alice")).events).toContain("subtensorModule.NeuronRegistered");
  });
});
