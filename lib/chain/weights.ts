/**
 * Setting weights in whichever way the subnet takes them (facts 3.10 and 3.11): directly, as a timelocked commit, or as a
 * hash commit that is revealed later (`commits.ts`). The chain's checks are made here first, in its order, so that a
 * refusal costs nothing and says when the next attempt may succeed.
 */
import { assertInteger, BtstoreError } from "../core/mod.ts";
import type { Hotkey } from "../wallet/mod.ts";
import { untilBlock } from "./calls.ts";
import { commitWeights } from "./commits.ts";
import { encodeSetWeights } from "./encode.ts";
import { type Link, readStorage, requireUid, SUBTENSOR, toList, toNumber } from "./link.ts";
import { submit } from "./submit.ts";

/** What became of weights: they count now, or from the block on at which the chain reads them. */
export type WeightsOutcome = { readonly kind: "set" } | { readonly kind: "committed"; readonly revealBlock: number };

/** Weights to set, and by whom. */
export type WeightsRequest = {
  readonly hotkey: Hotkey;
  readonly netuid: number;
  readonly weights: readonly Weight[];
  /** The validator's version; the subnet may demand a newer one. 0 to 2^53 − 1. */
  readonly versionKey: number;
  /** Where hash commits are kept until they are revealed; without one they are not made. */
  readonly commitsFolder: string | null;
};

/** What one neuron is given: any share of nothing or more; only ratios count. */
export type Weight = { readonly uid: number; readonly weight: number };

/** The largest weight on the chain. */
const WEIGHT_MAX = 65_535;

/**
 * Weights as the chain takes them: the largest becomes 65535, zeros are dropped, uids ascend.
 *
 * @throws {RangeError} If a uid is no u16 or named twice, or a weight is negative or not finite.
 */
export function normaliseWeights(weights: readonly Weight[]): { uids: number[]; values: number[] } {
  let largest = 0;
  for (const { uid, weight } of weights) {
    assertInteger(uid, 0, 65_535, "uid");
    if (!(weight >= 0 && Number.isFinite(weight))) throw new RangeError(`weight: expected a number from 0, got ${weight}`);
    largest = Math.max(largest, weight);
  }
  if (new Set(weights.map(({ uid }) => uid)).size !== weights.length) throw new RangeError("weights: expected each uid once");
  const kept = weights
    .map(({ uid, weight }) => ({ uid, value: largest === 0 ? 0 : Math.round((weight / largest) * WEIGHT_MAX) }))
    .filter(({ value }) => value > 0)
    .sort((left, right) => left.uid - right.uid);
  return { uids: kept.map(({ uid }) => uid), values: kept.map(({ value }) => value) };
}

/**
 * Sets a validator's weights on a subnet.
 *
 * @throws {BtstoreError} `chain_refused` or `not_registered` with the reason in words.
 */
export async function setWeights(link: Link, request: WeightsRequest): Promise<WeightsOutcome> {
  const { hotkey, netuid, weights, versionKey } = request;
  const action = `Cannot set weights on subnet ${netuid}`;
  const refuse = (reason: string) => new BtstoreError("chain_refused", `${action}: ${reason}`);
  const { uids, values } = normaliseWeights(weights);
  const head = link.head();
  const [commitReveal, count, uidValue, version, rateLimit, updates, permits, least] = await readStorage(link, action, [
    [SUBTENSOR, "commitRevealWeightsEnabled", netuid], [SUBTENSOR, "subnetworkN", netuid], [SUBTENSOR, "uids", netuid, hotkey.ss58],
    [SUBTENSOR, "weightsVersionKey", netuid], [SUBTENSOR, "weightsSetRateLimit", netuid], [SUBTENSOR, "lastUpdate", netuid],
    [SUBTENSOR, "validatorPermit", netuid], [SUBTENSOR, "minAllowedWeights", netuid],
  ], head.hash);
  const isHidden = commitReveal?.toString() === "true";
  const uid = requireUid(uidValue ?? null, action, netuid);
  const wantedVersion = toNumber(version ?? null) ?? 0;
  if (versionKey < wantedVersion) throw refuse(`the subnet wants validators of version ${wantedVersion}, this is ${versionKey}; update btstore`);
  const lastUpdate = toNumber(toList(updates ?? null)[uid] ?? null) ?? 0;
  const allowedAt = lastUpdate === 0 ? 0 : lastUpdate + (toNumber(rateLimit ?? null) ?? 0);
  if (head.number < allowedAt) throw refuse(`they were ${isHidden ? "committed" : "set"} at block ${lastUpdate}, ${untilBlock(link, allowedAt)}`);
  const isSelfOnly = uids.length === 1 && uids[0] === uid;
  if (!isSelfOnly && toList(permits ?? null)[uid]?.toString() !== "true") throw refuse("the hotkey has no validator permit; it takes enough stake and one epoch");
  if (uids.length === 0) throw refuse("all weights are zero, there is nothing to set");
  const neuronCount = toNumber(count ?? null) ?? 0;
  const stranger = uids.find((each) => each >= neuronCount);
  if (stranger !== undefined) throw refuse(`the subnet has no uid ${stranger}; read the metagraph again`);
  const leastCount = Math.min(toNumber(least ?? null) ?? 0, neuronCount);
  if (!isSelfOnly && uids.length < leastCount) throw refuse(`the subnet wants weights for at least ${leastCount} neurons, these are ${uids.length}`);
  if (isHidden) return commitWeights(link, action, request, { uids, values });
  const makeCall = () => encodeSetWeights(link.api, netuid, uids, values, versionKey);
  await submit(link, { action, signer: hotkey, makeCall, event: "SubtensorModule.WeightsSet" });
  return { kind: "set" };
}
