/**
 * Commit-reveal (facts 3.11): commits by hash that their maker reveals in a later epoch (version 2), and timelocked ones
 * that the chain opens with the beacon's pulse (version 4; `coinbase/reveal_commits.rs`).
 */
import { blake2AsU8a } from "@polkadot/util-crypto";
import { openTimelock } from "../../../../chain/mod.ts";
import { toHex } from "../../../../core/mod.ts";
import { call, type Context, DispatchFailure, signer } from "../../declare.ts";
import { type Account, AccountId, H256, type Hash, hashHex, MechId, NetUid, NetUidStorageIndex } from "../../primitives.ts";
import { Bytes, decodeAll, struct, tuple, U16, U64, type Value, vec } from "../../scale.ts";
import type { StateReader } from "../../state.ts";
import { LastStoredRound, Pulses } from "../drand.ts";
import { fail } from "./fail.ts";
import * as items from "./storage.ts";
import { applyWeights, hasStakeToSetWeights, MAIN_MECHANISM, STAKE_AMOUNT_TOO_LOW } from "./weights.ts";

/** Custom pool errors (facts 3.12). */
const INVALID_REVEAL_ROUND = 15;
const COMMIT_NOT_FOUND = 16;
const NOT_IN_REVEAL_RANGE = 17;

/** Commits of one hotkey that may wait. */
const UNREVEALED_MAX = 10;
/** Bytes of one timelocked commit. */
const COMMIT_BYTES_MAX = 5000;

const TimelockPayload = struct("", { hotkey: Bytes, uids: vec(U16), values: vec(U16), version_key: U64 });
const HashedWeights = tuple(AccountId, NetUidStorageIndex, vec(U16), vec(U16), vec(U16), U64);

type Reveal = { netuid: number; uids: number[]; values: number[]; salt: number[]; version_key: bigint };

/** What every commit must fulfil; notes the time of it. */
function admit({ state, blockNumber }: Context, hotkey: Account, netuid: number, mechanism: number): void {
  if (!items.NetworksAdded.get(state, netuid) || mechanism !== MAIN_MECHANISM) throw fail("MechanismDoesNotExist");
  if (!items.CommitRevealWeightsEnabled.get(state, netuid)) throw fail("CommitRevealDisabled");
  const uid = items.Uids.get(state, netuid, hotkey);
  if (uid === null) throw fail("HotKeyNotRegisteredInSubNet");
  const updates = items.LastUpdate.get(state, netuid);
  const last = updates[uid]!;
  if (last > 0n && BigInt(blockNumber) - last < items.WeightsSetRateLimit.get(state, netuid)) throw fail("CommittingWeightsTooFast");
  items.LastUpdate.set(state, [netuid], updates.with(uid, BigInt(blockNumber)));
}

/** The epochs of hash commits: of the commit, and in which it is revealed. They stand where spec 393 has two block numbers. */
function epochsOf([, , commitEpoch, revealEpoch]: readonly [Hash, bigint, bigint, bigint]) {
  return { commitEpoch, revealEpoch };
}

function commitHash(context: Context, hotkey: Account, netuid: number, mechanism: number, hash: Hash): void {
  const { state, blockNumber } = context;
  admit(context, hotkey, netuid, mechanism);
  const epoch = items.SubnetEpochIndex.get(state, netuid);
  const waiting = unexpired(state, netuid, hotkey);
  if (waiting.length >= UNREVEALED_MAX) throw fail("TooManyUnrevealedCommits");
  items.WeightCommits.set(state, [netuid, hotkey], [...waiting, [hash, BigInt(blockNumber), epoch, epoch + items.RevealPeriodEpochs.get(state, netuid)]]);
  context.emit("SubtensorModule", "WeightsCommitted", [hotkey, netuid, hash]);
}

function unexpired(state: StateReader, netuid: number, hotkey: Account) {
  const epoch = items.SubnetEpochIndex.get(state, netuid);
  return (items.WeightCommits.get(state, netuid, hotkey) ?? []).filter((commit) => epochsOf(commit).revealEpoch >= epoch);
}

/** The commit that a reveal is about, or why it is refused. */
function findCommit(state: StateReader, hotkey: Account, { netuid, uids, values, salt, version_key }: Reveal) {
  const hash = hashHex(blake2AsU8a(HashedWeights.encode([hotkey, netuid, uids, values, salt, version_key]), 256));
  const isThis = ([known]: readonly [Hash, ...unknown[]]) => known === hash;
  const waiting = unexpired(state, netuid, hotkey);
  const index = waiting.findIndex(isThis);
  if (index < 0) {
    const isExpired = (items.WeightCommits.get(state, netuid, hotkey) ?? []).some(isThis);
    throw fail(isExpired ? "ExpiredWeightCommit" : waiting.length === 0 ? "NoWeightsCommitFound" : "InvalidRevealCommitHashNotMatch");
  }
  if (epochsOf(waiting[index]!).revealEpoch !== items.SubnetEpochIndex.get(state, netuid)) throw fail("RevealTooEarly");
  return { hash, later: waiting.slice(index + 1) };
}

function revealWeights(context: Context, hotkey: Account, mechanism: number, reveal: Reveal): void {
  const { state } = context;
  const { netuid, uids, values, version_key } = reveal;
  if (!items.CommitRevealWeightsEnabled.get(state, netuid)) throw fail("CommitRevealDisabled");
  const { hash, later } = findCommit(state, hotkey, reveal);
  if (later.length === 0) items.WeightCommits.remove(state, netuid, hotkey);
  else items.WeightCommits.set(state, [netuid, hotkey], later);
  applyWeights(context, hotkey, mechanism, { netuid, dests: uids, weights: values, version_key }, true);
  context.emit("SubtensorModule", "WeightsRevealed", [hotkey, netuid, hash]);
}

type Timelocked = { netuid: number; commit: Uint8Array; reveal_round: bigint; commit_reveal_version: number };

function commitTimelocked(context: Context, hotkey: Account, mechanism: number, { netuid, commit, reveal_round, commit_reveal_version }: Timelocked): void {
  const { state, blockNumber } = context;
  if (commit.length > COMMIT_BYTES_MAX) throw new DispatchFailure(null, "Exhausted");
  if (commit_reveal_version !== items.CommitRevealWeightsVersion.get(state)) throw fail("IncorrectCommitRevealVersion");
  admit(context, hotkey, netuid, mechanism);
  const epoch = items.SubnetEpochIndex.get(state, netuid);
  const waiting = items.TimelockedWeightCommits.get(state, netuid, epoch);
  if (waiting.filter(([who]) => who === hotkey).length >= UNREVEALED_MAX) throw fail("TooManyUnrevealedCommits");
  items.TimelockedWeightCommits.set(state, [netuid, epoch], [...waiting, [hotkey, BigInt(blockNumber), commit, reveal_round]]);
  context.emit("SubtensorModule", "TimelockedWeightsCommitted", [hotkey, netuid, hashHex(blake2AsU8a(commit, 256)), reveal_round]);
}

/** Opens the timelocked commits whose epoch it is, as far as their pulses are there. What cannot be opened is dropped in silence. */
export function revealTimelocked(context: Pick<Context, "state" | "blockNumber" | "emit">, netuid: number): void {
  const { state } = context;
  const epoch = items.SubnetEpochIndex.get(state, netuid) - items.RevealPeriodEpochs.get(state, netuid);
  if (epoch < 0n) return;
  if (epoch > 0n) items.TimelockedWeightCommits.remove(state, netuid, epoch - 1n);
  const entries = items.TimelockedWeightCommits.get(state, netuid, epoch);
  if (entries.length === 0) return;
  const waiting = entries.filter(([, , , round]) => !Pulses.has(state, round));
  if (waiting.length === entries.length) return;
  if (waiting.length === 0) items.TimelockedWeightCommits.remove(state, netuid, epoch);
  else items.TimelockedWeightCommits.set(state, [netuid, epoch], waiting);
  for (const [hotkey, , commit, round] of entries) {
    const pulse = Pulses.get(state, round);
    const payload = pulse && readPayload(openTimelock(commit, pulse.signature));
    if (!payload || toHex(payload.hotkey) !== hotkey) continue;
    try {
      applyWeights(context, hotkey, MAIN_MECHANISM, { netuid, dests: payload.uids, weights: payload.values, version_key: payload.version_key }, true);
      context.emit("SubtensorModule", "TimelockedWeightsRevealed", [netuid, hotkey]);
    } catch (error) {
      if (!(error instanceof DispatchFailure)) throw error;
    }
  }
}

function readPayload(bytes: Uint8Array | null): Value<typeof TimelockPayload> | null {
  try {
    return bytes && decodeAll(TimelockPayload, bytes);
  } catch {
    return null;
  }
}

const stakeCheck = (state: StateReader, netuid: number, hotkey: Account) => (hasStakeToSetWeights(state, netuid, hotkey) ? null : STAKE_AMOUNT_TOO_LOW);
const byHash = {
  pays: false,
  precheck: (state: StateReader, _block: number, hotkey: Account, { netuid }: { netuid: number }) => stakeCheck(state, netuid, hotkey),
};
const byTime = {
  pays: false,
  precheck: (state: StateReader, _block: number, hotkey: Account, { netuid, reveal_round }: { netuid: number; reveal_round: bigint }) =>
    stakeCheck(state, netuid, hotkey) ?? (reveal_round < LastStoredRound.get(state) ? INVALID_REVEAL_ROUND : null),
};
const revealing = {
  pays: false,
  precheck: (state: StateReader, _block: number, hotkey: Account, reveal: Reveal) => {
    try {
      findCommit(state, hotkey, reveal);
      return stakeCheck(state, reveal.netuid, hotkey);
    } catch (error) {
      if (!(error instanceof DispatchFailure)) throw error;
      return error.error === "RevealTooEarly" ? NOT_IN_REVEAL_RANGE : COMMIT_NOT_FOUND;
    }
  },
};

const revealed = { uids: vec(U16), values: vec(U16), salt: vec(U16), version_key: U64 } as const;
const timelocked = { commit: Bytes, reveal_round: U64, commit_reveal_version: U16 } as const;

export const commitCalls = {
  commit_weights: call(96, { netuid: NetUid, commit_hash: H256 }, (context, origin, { netuid, commit_hash }) => commitHash(context, signer(origin), netuid, MAIN_MECHANISM, commit_hash), byHash),
  reveal_weights: call(97, { netuid: NetUid, ...revealed }, (context, origin, args) => revealWeights(context, signer(origin), MAIN_MECHANISM, args), revealing),
  commit_timelocked_weights: call(113, { netuid: NetUid, ...timelocked }, (context, origin, args) => commitTimelocked(context, signer(origin), MAIN_MECHANISM, args), byTime),
  commit_timelocked_mechanism_weights: call(
    118,
    { netuid: NetUid, mecid: MechId, ...timelocked },
    (context, origin, { mecid, ...args }) => commitTimelocked(context, signer(origin), mecid, args),
    byTime,
  ),
};
