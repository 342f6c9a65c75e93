/** Setting weights: the checks in the real order (facts 3.10), for those set directly and those that a commit reveals. */
import { call, type Context, signer } from "../../declare.ts";
import { type Account, MechId, NetUid } from "../../primitives.ts";
import { U16, U64, vec } from "../../scale.ts";
import type { StateReader } from "../../state.ts";
import { fail } from "./fail.ts";
import { stakeOf } from "./stake.ts";
import * as items from "./storage.ts";

/** Custom pool error StakeAmountTooLow: the signer's stake is under the threshold. */
export const STAKE_AMOUNT_TOO_LOW = 1;
const U16_MAX = 65_535;
/** The first storage index of mechanism m is m × this. */
export const MAIN_MECHANISM = 0;

export type WeightArgs = { netuid: number; dests: number[]; weights: number[]; version_key: bigint };

export function hasStakeToSetWeights(state: StateReader, netuid: number, hotkey: Account): boolean {
  return items.SubnetOwnerHotkey.get(state, netuid) === hotkey || stakeOf(state, netuid, hotkey).total >= items.StakeThreshold.get(state);
}

function setWeights(context: Context, hotkey: Account, mechanism: number, args: WeightArgs): void {
  if (items.CommitRevealWeightsEnabled.get(context.state, args.netuid)) throw fail("CommitRevealEnabled");
  applyWeights(context, hotkey, mechanism, args, false);
}

/**
 * Checks weights and puts them in force.
 *
 * @param isRevealed From a commit, whose rate was limited when it was made.
 * @throws {DispatchFailure} What is wrong with them.
 */
export function applyWeights(context: Pick<Context, "state" | "blockNumber" | "emit">, hotkey: Account, mechanism: number, args: WeightArgs, isRevealed: boolean): void {
  const { netuid, dests, weights, version_key } = args;
  const { state, blockNumber } = context;
  if (dests.length !== weights.length) throw fail("WeightVecNotEqualSize");
  if (!items.NetworksAdded.get(state, netuid) || mechanism !== MAIN_MECHANISM) throw fail("MechanismDoesNotExist");
  const count = items.SubnetworkN.get(state, netuid);
  if (dests.length > count) throw fail("UidsLengthExceedUidsInSubNet");
  const uid = items.Uids.get(state, netuid, hotkey);
  if (uid === null) throw fail("HotKeyNotRegisteredInSubNet");
  if (!hasStakeToSetWeights(state, netuid, hotkey)) throw fail("NotEnoughStakeToSetWeights");
  const versionKey = items.WeightsVersionKey.get(state, netuid);
  if (versionKey !== 0n && version_key < versionKey) throw fail("IncorrectWeightVersionKey");
  const lastUpdate = items.LastUpdate.get(state, netuid);
  const last = lastUpdate[uid]!;
  if (!isRevealed && last > 0n && BigInt(blockNumber) - last < items.WeightsSetRateLimit.get(state, netuid)) throw fail("SettingWeightsTooFast");
  const isSelfWeight = dests.length === 1 && dests[0] === uid;
  if (!isSelfWeight && !items.ValidatorPermit.get(state, netuid)[uid]) throw fail("NeuronNoValidatorPermit");
  if (new Set(dests).size !== dests.length) throw fail("DuplicateUids");
  if (dests.some((to) => to >= count)) throw fail("UidVecContainInvalidOne");
  if (!isSelfWeight && dests.length < Math.min(items.MinAllowedWeights.get(state, netuid), count)) throw fail("WeightVecLengthIsLow");

  const largest = Math.max(0, ...weights);
  const scaled = largest === 0 ? weights : weights.map((weight) => Math.round((weight * U16_MAX) / largest));
  items.Weights.set(state, [netuid, uid], dests.map((to, i) => [to, scaled[i]!]));
  if (!isRevealed) items.LastUpdate.set(state, [netuid], lastUpdate.with(uid, BigInt(blockNumber)));
  context.emit("SubtensorModule", "WeightsSet", [netuid, uid]);
}

const precheck = (state: StateReader, _block: number, hotkey: Account, { netuid }: { netuid: number }) =>
  hasStakeToSetWeights(state, netuid, hotkey) ? null : STAKE_AMOUNT_TOO_LOW;

const vectors = { dests: vec(U16), weights: vec(U16), version_key: U64 } as const;

export const weightCalls = {
  set_weights: call(0, { netuid: NetUid, ...vectors }, (context, origin, args) => setWeights(context, signer(origin), MAIN_MECHANISM, args), { pays: false, precheck }),
  set_mechanism_weights: call(
    119,
    { netuid: NetUid, mecid: MechId, ...vectors },
    (context, origin, { mecid, ...args }) => setWeights(context, signer(origin), mecid, args),
    { pays: false, precheck },
  ),
};
