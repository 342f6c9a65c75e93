import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCommits } from "../../lib/chain/commits_file.ts";
import { openLink } from "../../lib/chain/client.ts";
import { readNextEpochBlock } from "../../lib/chain/epoch.ts";
import type { Link } from "../../lib/chain/link.ts";
import { submit } from "../../lib/chain/submit.ts";
import { setWeights, type WeightsRequest } from "../../lib/chain/weights.ts";
import { BtstoreError, fromHex, silentLog } from "../../lib/core/mod.ts";
import { cryptoReady, keypairFromUri } from "../../lib/wallet/mod.ts";
import { fastClock, headFrom, NETUID, type Network, type NetworkOptions, startNetwork } from "./_devnet.ts";

// These wait for blocks, which a busy machine makes slowly.
setDefaultTimeout(60_000);

const open: { close(): Promise<unknown> }[] = [];
const folder = mkdtempSync(join(tmpdir(), "btstore-commits-"));
// One chain at a time: each signs a pulse per block.
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Blocks of a second, 35 in a second: the beacon's rounds are whole seconds. */
async function network(options: NetworkOptions = {}): Promise<Network> {
  const subnet = { isCommitRevealEnabled: true, weightsSetRateLimit: 5, ...options.subnet };
  const started = await startNetwork({ blockMs: 1000, clock: fastClock(35), tempoBlocks: 20, ...options, subnet });
  open.push(started);
  return started;
}

/** Spec below the recorded one: no timelocked calls. */
const OLD_SPEC = 293;

await cryptoReady();
const validator = keypairFromUri("//Validator0");
const request = (changes: Partial<WeightsRequest> = {}): WeightsRequest => ({ hotkey: validator, netuid: NETUID, weights: [{ uid: 2, weight: 1 }, { uid: 3, weight: 0.5 }], versionKey: 0, commitsFolder: null, ...changes });
const SET = [{ uid: 2, weight: 65_535 }, { uid: 3, weight: 32_768 }];

/** Waits until an epoch has just begun, so that a commit is included in the epoch it was made in. */
const newEpoch = async (link: Link) => headFrom(link, await readNextEpochBlock(link, NETUID));

/** Commits at the start of an epoch; the block from which it is revealed. */
async function commit(link: Link, changes: Partial<WeightsRequest> = {}): Promise<number> {
  await newEpoch(link);
  const outcome = await setWeights(link, request(changes));
  expect(outcome).toEqual({ kind: "committed", revealBlock: expect.any(Number) });
  return (outcome as { revealBlock: number }).revealBlock;
}

/** Changes a setting as //Alice may. */
async function root(link: Link, setting: string, ...values: unknown[]): Promise<void> {
  const { tx } = link.api;
  const makeCall = () => tx["sudo"]!["sudo"]!(tx["adminUtils"]![setting]!(...values));
  await submit(link, { action: "Cannot change a setting", signer: keypairFromUri("//Alice"), makeCall, event: "Sudo.Sudid" });
}

async function faultOf(promise: Promise<unknown>): Promise<BtstoreError> {
  const error = await promise.then((value) => value, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BtstoreError);
  return error as BtstoreError;
}

describe("setWeights() with commit-reveal on", () => {
  test("commits timelocked; nobody sees the weights before their epoch, then the chain reveals them, and incentive follows", async () => {
    const { chain, link } = await network();
    const revealBlock = await commit(link);
    const { lastUpdate } = chain.neurons(NETUID)[0]!;
    expect(revealBlock).toBeGreaterThan(lastUpdate);
    expect((await faultOf(setWeights(link, request()))).message).toMatch(/they were committed at block \d+, the next attempt is allowed at block \d+, in about/);
    await headFrom(link, revealBlock - 1);
    if (chain.head().number < revealBlock) expect(chain.neurons(NETUID)[0]!.weights).toEqual([]);
    // The pulse comes three blocks into the epoch, rounded up to a round of one block.
    await headFrom(link, revealBlock + 6);
    expect(chain.neurons(NETUID)[0]!.weights).toEqual(SET);
    expect(chain.neurons(NETUID)[0]!.lastUpdate).toBe(lastUpdate);
    await headFrom(link, (await readNextEpochBlock(link, NETUID)) + 1);
    expect(chain.neurons(NETUID)[2]!.incentive).toBeGreaterThan(0);
  });

  test("commits again in each epoch, and each is revealed in its own", async () => {
    const { chain, link } = await network();
    for (const uid of [2, 3]) {
      await headFrom(link, (await commit(link, { weights: [{ uid, weight: 1 }] })) + 6);
      expect(chain.neurons(NETUID)[0]!.weights).toEqual([{ uid, weight: 65_535 }]);
    }
  });

  test("refuses what the chain would refuse when it reveals, where nobody would hear of it", async () => {
    const { link } = await network();
    expect((await faultOf(setWeights(link, request({ hotkey: keypairFromUri("//Miner4") })))).message).toContain("no validator permit");
    expect((await faultOf(setWeights(link, request({ hotkey: keypairFromUri("//Stranger") })))).code).toBe("not_registered");
    expect((await faultOf(setWeights(link, request({ weights: [{ uid: 99, weight: 1 }] })))).message).toContain("the subnet has no uid 99");
  });

  test("refuses a version of commit-reveal that it does not know", async () => {
    const { link } = await network();
    await root(link, "sudoSetCommitRevealVersion", 5);
    expect((await faultOf(setWeights(link, request()))).message).toContain("the chain wants version 5 of commit-reveal, this is 4; update btstore");
  });
});

describe("setWeights() where the chain takes hash commits only", () => {
  test("keeps the salt on disk, and reveals after a restart when the epoch has come", async () => {
    const { chain, link } = await network({ specVersion: OLD_SPEC, tempoBlocks: 40 });
    expect(link.api.tx["subtensorModule"]!["commitTimelockedMechanismWeights"]).toBeUndefined();
    const revealBlock = await commit(link, { commitsFolder: folder });
    const place = { folder, genesisHash: fromHex(link.api.genesisHash.toHex()), netuid: NETUID, hotkey: validator.ss58 };
    expect(await readCommits(place)).toMatchObject([{ uids: [2, 3], values: [65_535, 32_768], revealBlock }]);
    expect(statSync(join(folder, readdirSync(folder)[0]!)).mode & 0o777).toBe(0o600);
    expect(await readCommits({ ...place, genesisHash: new Uint8Array(32) })).toEqual([]);

    const restarted = await openLink({ endpoints: [chain.url], log: silentLog });
    open.push(restarted);
    await headFrom(restarted.link, revealBlock);
    expect(chain.neurons(NETUID)[0]!.weights).toEqual([]);
    await setWeights(restarted.link, request({ commitsFolder: folder, weights: [{ uid: 4, weight: 1 }] }));
    expect(chain.neurons(NETUID)[0]!.weights).toEqual(SET);
    expect(await readCommits(place)).toMatchObject([{ uids: [4] }]);
  });

  test("gives up what the chain will never take, and says so", async () => {
    const { chain, link } = await network({ specVersion: OLD_SPEC });
    const warnings: string[] = [];
    const told = { ...link, log: { ...silentLog, warn: (message: string, fields?: object) => void warnings.push(`${message}: ${JSON.stringify(fields)}`) } };
    const own = join(folder, "late");
    const revealBlock = await commit(told, { commitsFolder: own });
    await headFrom(link, revealBlock + 20);
    await setWeights(told, request({ commitsFolder: own }));
    expect(warnings.join()).toContain("Committed weights are not revealed");
    expect(chain.neurons(NETUID)[0]!.weights).toEqual([]);
    const place = { folder: own, genesisHash: fromHex(link.api.genesisHash.toHex()), netuid: NETUID, hotkey: validator.ss58 };
    expect((await readCommits(place)).length).toBe(2);
    await headFrom(link, revealBlock + 40);
    await setWeights(told, request({ commitsFolder: own }));
    expect((await readCommits(place)).every((waiting) => waiting.revealBlock > revealBlock)).toBe(true);
  });

  test("commits nothing whose salt it cannot keep", async () => {
    const { chain, link } = await network({ specVersion: OLD_SPEC });
    expect((await faultOf(setWeights(link, request()))).message).toContain("no folder to keep their salts in");
    const file = join(folder, "file");
    writeFileSync(file, "");
    expect((await faultOf(setWeights(link, request({ commitsFolder: join(file, "below") })))).code).toBe("disk");
    expect(chain.neurons(NETUID)[0]!.lastUpdate).toBe(0);
  });

  test("does not touch a file that it does not understand", async () => {
    const { link } = await network({ specVersion: OLD_SPEC });
    const own = mkdtempSync(join(folder, "bad-"));
    const path = join(own, `commits-${NETUID}-${validator.ss58}.json`);
    for (const text of ["{", "{}", JSON.stringify({ genesisHash: "00", commits: [{ hash: "zz" }] })]) {
      writeFileSync(path, text);
      expect((await faultOf(setWeights(link, request({ commitsFolder: own })))).code, text).toBe("corrupt");
      expect(readFileSync(path, "utf8")).toBe(text);
    }
  });
});

describe("setWeights() when the chain is upgraded", () => {
  test("goes over from hash commits to timelocked ones as soon as the runtime knows them", async () => {
    const { chain, link } = await network({ specVersion: OLD_SPEC, tempoBlocks: 40 });
    const own = join(folder, "upgrade");
    await commit(link, { commitsFolder: own });
    const decorated = new Promise<void>((resolve) => void link.api.once("decorated", resolve));
    chain.upgradeRuntime(400);
    await decorated;
    expect(link.api.runtimeVersion.specVersion.toNumber()).toBe(400);
    await headFrom(link, chain.neurons(NETUID)[0]!.lastUpdate + 5);
    const revealBlock = await commit(link, { weights: [{ uid: 4, weight: 1 }], commitsFolder: own });
    // The hash commit of before is not lost.
    expect(chain.neurons(NETUID)[0]!.weights).toEqual(SET);
    expect(await readCommits({ folder: own, genesisHash: fromHex(link.api.genesisHash.toHex()), netuid: NETUID, hotkey: validator.ss58 })).toEqual([]);
    await headFrom(link, revealBlock + 6);
    expect(chain.neurons(NETUID)[0]!.weights).toEqual([{ uid: 4, weight: 65_535 }]);
  });

  test("follows the owner, who turns commit-reveal off and on", async () => {
    const { link } = await network();
    const turn = (isOn: boolean) => root(link, "sudoSetCommitRevealWeightsEnabled", NETUID, isOn);
    await turn(false);
    expect(await setWeights(link, request())).toEqual({ kind: "set" });
    await turn(true);
    await headFrom(link, link.head().number + 6);
    expect(await setWeights(link, request())).toMatchObject({ kind: "committed" });
  });
});
