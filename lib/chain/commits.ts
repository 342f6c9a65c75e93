/**
 * Committing to weights on a subnet with commit-reveal (facts 3.11): timelocked where the runtime knows it, so that the
 * chain reveals by itself; else by hash, revealed by us when their epoch has come, at the next setting of weights.
 */
import { BtstoreError, describeError, fromHex, toHex } from "../core/mod.ts";
import { type Beacon, commitHash, type CommittedWeights, type EpochState, revealBlock, revealRound, timelockPayload } from "./commit.ts";
import { type CommitsPlace, type PendingCommit, PENDING_COMMITS_MAX, readCommits, writeCommits } from "./commits_file.ts";
import { COMMIT_REVEAL_VERSION, encodeHashCommit, encodeReveal, encodeTimelockedCommit } from "./encode.ts";
import { type Link, readStorage, SUBTENSOR, toBytes, toNumber } from "./link.ts";
import { submit } from "./submit.ts";
import { sealTimelock } from "./timelock.ts";
import type { WeightsOutcome, WeightsRequest } from "./weights.ts";

/** drand quicknet, the beacon of every subtensor; for runtimes that do not say so themselves. */
const QUICKNET: Beacon = {
  publicKey: fromHex("83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"),
  periodSeconds: 3,
  genesisSeconds: 1_692_803_367,
};

/** Random numbers of 16 bits in a salt: 256 bits. */
const SALT_LENGTH = 16;

/** Commits the chain forgot or refuses are given up this many epochs after theirs. */
const KEEP_EPOCHS = 2;

/** What a commit is timed by: the subnet's schedule, the beacon, and the chain's own time at the head. */
type Timing = { readonly state: EpochState; readonly beacon: Beacon; readonly version: number | null; readonly timeMs: number };

/**
 * Commits to weights that {@link setWeights} has found in order, and reveals what is due.
 *
 * @throws {BtstoreError} `chain_refused` with the reason in words; `disk` if a salt cannot be kept.
 */
export async function commitWeights(link: Link, action: string, request: WeightsRequest, weights: Pick<CommittedWeights, "uids" | "values">): Promise<WeightsOutcome> {
  const { hotkey, netuid, versionKey } = request;
  const timing = await readTiming(link, netuid, action);
  const committed: CommittedWeights = { account: hotkey.publicKey, ...weights, versionKey };
  const { state, beacon, version, timeMs } = timing;
  const block = revealBlock(state);
  const round = revealRound(state, beacon, timeMs, link.blockMs);
  const { commitsFolder } = request;
  const place: CommitsPlace | null = commitsFolder === null ? null : { folder: commitsFolder, genesisHash: fromHex(link.api.genesisHash.toHex()), netuid, hotkey: hotkey.ss58 };
  const waiting = place === null ? [] : await revealDue(link, place, await readCommits(place), hotkey, state);
  // Asked with nothing sealed yet, which takes a tenth of a second.
  if (encodeTimelockedCommit(link.api, netuid, new Uint8Array(0), round) === null) {
    await commitByHash(link, action, hotkey, place, waiting, committed, block);
  } else {
    if (version !== null && version !== COMMIT_REVEAL_VERSION) {
      throw new BtstoreError("chain_refused", `${action}: the chain wants version ${version} of commit-reveal, this is ${COMMIT_REVEAL_VERSION}; update btstore`);
    }
    const sealed = sealTimelock(timelockPayload(committed), round, beacon.publicKey);
    const makeCall = () => encodeTimelockedCommit(link.api, netuid, sealed, round)!;
    await submit(link, { action, signer: hotkey, makeCall, event: "SubtensorModule.TimelockedWeightsCommitted" });
  }
  return { kind: "committed", revealBlock: block };
}

async function commitByHash(
  link: Link, action: string, signer: WeightsRequest["hotkey"], place: CommitsPlace | null, waiting: readonly PendingCommit[], committed: CommittedWeights, block: number,
): Promise<void> {
  if (place === null) {
    throw new BtstoreError("chain_refused", `${action}: the chain takes hash commits only, and there is no folder to keep their salts in; give one with --db_path`);
  }
  if (waiting.length >= PENDING_COMMITS_MAX) throw new BtstoreError("chain_refused", `${action}: ${waiting.length} commits wait to be revealed, the chain takes no more; wait for the next epoch`);
  const { netuid } = place;
  const salt = [...crypto.getRandomValues(new Uint16Array(SALT_LENGTH))];
  const hash = commitHash(committed, netuid, salt);
  const { uids, values, versionKey } = committed;
  await writeCommits(place, [...waiting, { hash: toHex(hash), uids, values, salt, versionKey, revealBlock: block }]);
  await submit(link, { action, signer, makeCall: () => encodeHashCommit(link.api, netuid, hash), event: "SubtensorModule.WeightsCommitted" });
}

/** Reveals the commits whose epoch has come. What the chain refuses is tried again while it may still help; returns what waits on. */
async function revealDue(link: Link, place: CommitsPlace, commits: readonly PendingCommit[], hotkey: WeightsRequest["hotkey"], state: EpochState): Promise<PendingCommit[]> {
  const { netuid } = place;
  const action = `Cannot reveal weights on subnet ${netuid}`;
  const isWorthKeeping = ({ revealBlock: from }: PendingCommit) => state.block < from + KEEP_EPOCHS * state.tempo;
  let waiting = commits.filter(isWorthKeeping);
  // Newest first: revealing one makes the chain forget those before it.
  for (const commit of waiting.filter(({ revealBlock: from }) => from <= state.block).reverse()) {
    const makeCall = () => encodeReveal(link.api, netuid, commit.uids, commit.values, commit.salt, commit.versionKey);
    try {
      await submit(link, { action, signer: hotkey, makeCall, event: "SubtensorModule.WeightsRevealed" });
      waiting = waiting.slice(waiting.indexOf(commit) + 1);
      link.log.info("Committed weights are revealed", { netuid, block: link.head().number });
      break;
    } catch (error) {
      if (!(error instanceof BtstoreError) || error.code !== "chain_refused") throw error;
      link.log.warn("Committed weights are not revealed", { netuid, reason: describeError(error) });
    }
  }
  if (waiting.length < commits.length) await writeCommits(place, waiting);
  return waiting;
}

async function readTiming(link: Link, netuid: number, action: string): Promise<Timing> {
  const head = link.head();
  const [tempo, period, last, pending, version, config, now] = await readStorage(link, action, [
    [SUBTENSOR, "tempo", netuid], [SUBTENSOR, "revealPeriodEpochs", netuid], [SUBTENSOR, "lastEpochBlock", netuid], [SUBTENSOR, "pendingEpochAt", netuid],
    [SUBTENSOR, "commitRevealWeightsVersion"], ["drand", "beaconConfig"], ["timestamp", "now"],
  ], head.hash);
  const lastEpochBlock = toNumber(last ?? null);
  const state: EpochState = {
    netuid,
    block: head.number,
    tempo: toNumber(tempo ?? null) ?? 0,
    revealPeriod: toNumber(period ?? null) ?? 1,
    counted: lastEpochBlock === null ? null : { lastEpochBlock, pendingEpochAt: toNumber(pending ?? null) ?? 0 },
  };
  if (state.tempo === 0) throw new BtstoreError("chain_refused", `${action}: the subnet has no epochs, so that what is committed would never be revealed`);
  return { state, beacon: config ? parseBeacon(config, action) : QUICKNET, version: toNumber(version ?? null), timeMs: toNumber(now ?? null) ?? Date.now() };
}

/** `Drand.BeaconConfig`: finney's is quicknet, a local chain may have a beacon of its own. */
function parseBeacon(config: NonNullable<Awaited<ReturnType<typeof readStorage>>[number]>, action: string): Beacon {
  const field = (name: string) => (config as unknown as { get(key: string): typeof config | undefined }).get(name) ?? null;
  const publicKey = toBytes(field("publicKey"));
  const [periodSeconds, genesisSeconds] = [toNumber(field("period")) ?? 0, toNumber(field("genesisTime")) ?? 0];
  if (publicKey.length !== QUICKNET.publicKey.length || periodSeconds < 1) throw new BtstoreError("chain_refused", `${action}: the chain's drand beacon is of a kind that this version of btstore does not know; update btstore`);
  return { publicKey, periodSeconds, genesisSeconds };
}
