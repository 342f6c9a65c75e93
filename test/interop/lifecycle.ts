/**
 * The life of a subnet on whatever subtensor stands behind an address: a subnet is made and started, a miner and a
 * validator register, stake is given, the miner is announced, weights are set in each way the runtime knows, and the
 * miner has incentive. Needs a chain whose sudo key is //Alice; what this runtime lacks is left out, as its metadata say.
 */
import { expect } from "bun:test";
import { register, serveAxon } from "../../lib/chain/calls.ts";
import { openLink } from "../../lib/chain/client.ts";
import { readNextEpochBlock } from "../../lib/chain/epoch.ts";
import { type Link, readStorage, SUBTENSOR, toList, toNumber } from "../../lib/chain/link.ts";
import { type Metagraph, readMetagraph } from "../../lib/chain/metagraph.ts";
import { submit } from "../../lib/chain/submit.ts";
import { setWeights, type WeightsRequest } from "../../lib/chain/weights.ts";
import { RAO_PER_TAO, silentLog } from "../../lib/core/mod.ts";
import { cryptoReady, type Hotkey, keypairFromUri } from "../../lib/wallet/mod.ts";

/** Blocks from epoch to epoch on the subnet made here. */
const TEMPO = 20;
/** Epochs after which what should have happened will not any more. */
const EPOCHS_MAX = 4;

/** What came of it, for the one line that is printed. */
export type Lived = { specVersion: number; netuid: number; blockMs: number; weights: string[]; incentive: number };

/**
 * Lives it.
 *
 * @param commitsFolder Where hash commits are kept.
 */
export async function live(url: string, commitsFolder: string): Promise<Lived> {
  await cryptoReady();
  const { link, close } = await openLink({ endpoints: [url], log: silentLog });
  try {
    return await liveOn(link, commitsFolder);
  } finally {
    await close();
  }
}

async function liveOn(link: Link, commitsFolder: string): Promise<Lived> {
  const { api } = link;
  const alice = keypairFromUri("//Alice");
  // Names of its own, so that a chain can be used again.
  const own = (role: string) => keypairFromUri(`//Alice//${role}${link.head().number}`);
  const [minerKey, validatorKey, coldkey] = [own("miner"), own("validator"), own("coldkey")];

  for (const [setting, value] of [["sudoSetAdminFreezeWindow", 0], ["sudoSetNetworkRateLimit", 0], ["sudoSetStartCallDelay", 0], ["sudoSetLockReductionInterval", 1]] as const) {
    await root(link, setting, value);
  }
  const { eventData } = await call(link, alice, "registerNetwork", [own("owner").ss58], "NetworkAdded");
  const netuid = toNumber(eventData[0]!)!;
  await call(link, alice, "startCall", [netuid], "FirstEmissionBlockNumberSet");
  for (const [setting, value] of [
    ["sudoSetCommitRevealWeightsEnabled", false], ["sudoSetWeightsSetRateLimit", 0], ["sudoSetTempo", TEMPO], ["sudoSetServingRateLimit", 0], ["sudoSetMinAllowedWeights", 1],
  ] as const) await root(link, setting, netuid, value);

  const transfer = () => api.tx["balances"]!["transferKeepAlive"]!(coldkey.ss58, 2000n * RAO_PER_TAO);
  await submit(link, { action: "Cannot fund the coldkey", signer: alice, makeCall: transfer, event: "Balances.Transfer" });
  for (const { ss58 } of [validatorKey, minerKey]) await register(link, coldkey, ss58, netuid, 100n * RAO_PER_TAO);
  await call(link, coldkey, "addStake", [validatorKey.ss58, netuid, 1000n * RAO_PER_TAO], "StakeAdded");
  const axon = { netuid, ip: "127.0.0.2", port: 8091, version: 1 };
  expect(await serveAxon(link, minerKey, axon)).toBe(true);
  expect(await serveAxon(link, minerKey, axon)).toBe(false);

  const permitted = await metagraphWhere(link, netuid, "the validator's permit", (each) => neuronOf(each, validatorKey).hasValidatorPermit);
  expect(neuronOf(permitted, minerKey).axon).toMatchObject({ ip: "127.0.0.2", port: 8091 });
  expect(neuronOf(permitted, validatorKey).stake).toBeGreaterThan(0n);

  const [miner, validator] = [neuronOf(permitted, minerKey).uid, neuronOf(permitted, validatorKey).uid];
  const request = (uids: number[]): WeightsRequest => ({ hotkey: validatorKey, netuid, weights: uids.map((uid) => ({ uid, weight: 1 })), versionKey: 1_000_000, commitsFolder });
  expect(await setWeights(link, request([miner]))).toEqual({ kind: "set" });
  expect(await weightsOf(link, netuid, validator)).toEqual([miner]);
  const paid = await metagraphWhere(link, netuid, "the miner's incentive", (each) => neuronOf(each, minerKey).incentive > 0);

  await root(link, "sudoSetCommitRevealWeightsEnabled", netuid, true);
  const both = [miner, validator].sort((a, b) => a - b);
  // At an epoch's beginning, so that the commit is included in the epoch it was made in.
  await blockFrom(link, await readNextEpochBlock(link, netuid));
  const outcome = await setWeights(link, request(both));
  if (outcome.kind !== "committed") throw new Error("The weights were set, though commit-reveal is on");
  expect(await weightsOf(link, netuid, validator)).toEqual([miner]);
  const way = await reveal(link, outcome.revealBlock, () => setWeights(link, request(both)), async () => expect(await weightsOf(link, netuid, validator)).toEqual(both));
  return { specVersion: api.runtimeVersion.specVersion.toNumber(), netuid, blockMs: link.blockMs, weights: ["set directly", way], incentive: neuronOf(paid, minerKey).incentive };
}

/** Waits until committed weights are revealed, as far as this chain can; tells how it went. */
async function reveal(link: Link, revealBlock: number, setAgain: () => Promise<unknown>, expectRevealed: () => Promise<void>): Promise<string> {
  const { commitTimelockedMechanismWeights, commitTimelockedWeights } = link.api.tx[SUBTENSOR]!;
  if (!commitTimelockedMechanismWeights && !commitTimelockedWeights) {
    await blockFrom(link, revealBlock + 1);
    await setAgain();
    await expectRevealed();
    return "committed by hash, and revealed";
  }
  await blockFrom(link, revealBlock + TEMPO - 1);
  const [round] = await readStorage(link, "Cannot read the pulses", [["drand", "lastStoredRound"]]);
  if ((toNumber(round ?? null) ?? 0) === 0) return "committed timelocked; no pulse of drand reaches this chain";
  await expectRevealed();
  return "committed timelocked, and revealed by the chain";
}

/** The uids that a neuron's weights on the chain name. */
async function weightsOf(link: Link, netuid: number, uid: number): Promise<number[]> {
  const [pairs] = await readStorage(link, "Cannot read weights", [[SUBTENSOR, "weights", netuid, uid]]);
  return toList(pairs ?? null).map((pair) => toNumber(toList(pair)[0]!)!);
}

const neuronOf = ({ neurons }: Metagraph, { ss58 }: Hotkey) => neurons.find(({ hotkey }) => hotkey === ss58)!;

/** A setting changed by sudo; those this runtime does not have are left as they are. */
async function root(link: Link, setting: string, ...values: unknown[]): Promise<void> {
  const { tx } = link.api;
  const change = tx["adminUtils"]![setting];
  if (!change) return;
  await submit(link, { action: `Cannot change ${setting}`, signer: keypairFromUri("//Alice"), makeCall: () => tx["sudo"]!["sudo"]!(change(...values)), event: "Sudo.Sudid" });
}

function call(link: Link, signer: Hotkey, name: string, values: unknown[], event: string) {
  return submit(link, { action: `Cannot call ${name}`, signer, makeCall: () => link.api.tx[SUBTENSOR]![name]!(...values), event: `${SUBTENSOR[0]!.toUpperCase()}${SUBTENSOR.slice(1)}.${event}` });
}

async function blockFrom(link: Link, number: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const check = () => void (link.head().number >= number && (stop(), resolve()));
    const stop = link.onHead(check);
    check();
  });
}

/** The first metagraph, looked at once per epoch, of which something holds. */
async function metagraphWhere(link: Link, netuid: number, what: string, holds: (metagraph: Metagraph) => boolean): Promise<Metagraph> {
  for (let epoch = 0; epoch <= EPOCHS_MAX; epoch++) {
    const metagraph = await readMetagraph(link, netuid);
    if (holds(metagraph)) return metagraph;
    await blockFrom(link, (await readNextEpochBlock(link, netuid)) + 1);
  }
  throw new Error(`Waited ${EPOCHS_MAX} epochs for ${what}`);
}
