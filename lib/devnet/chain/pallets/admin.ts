/** AdminUtils: the settings a local network is tuned with, by root or where the real pallet allows it by the subnet's owner. */
import { call, type Call, type Context, DispatchFailure, ensureRoot, type Origin, type Pallet, type StorageItem } from "../declare.ts";
import { NetUid, TaoBalance } from "../primitives.ts";
import { Bool, type Codec, U16, U64 } from "../scale.ts";
import { fail } from "./subtensor/fail.ts";
import { nextEpochStartBlock } from "./subtensor/step.ts";
import * as items from "./subtensor/storage.ts";

/** A subnet's owner may change nothing in the last blocks before an epoch. */
function ensureOwnerOrRoot({ state, blockNumber }: Context, origin: Origin, netuid: number): void {
  if (origin.kind === "root") return;
  if (items.SubnetOwner.get(state, netuid) !== origin.account) throw new DispatchFailure(null, "BadOrigin");
  const next = nextEpochStartBlock(state, netuid, blockNumber);
  if (next !== null && next - BigInt(blockNumber) < BigInt(items.AdminFreezeWindow.get(state))) throw fail("AdminActionProhibitedDuringWeightsWindow");
}

/** A setting of one subnet: `(netuid, <argument>)`. */
function perSubnet<T>(index: number, argument: string, codec: Codec<T>, item: StorageItem<any, T>, by: "root" | "owner"): Call {
  return call(index, { netuid: NetUid, [argument]: codec } as Record<string, Codec<any>>, (context, origin, args) => {
    const netuid = args.netuid as number;
    if (by === "root") ensureRoot(origin);
    else ensureOwnerOrRoot(context, origin, netuid);
    if (!items.NetworksAdded.get(context.state, netuid)) throw new DispatchFailure("AdminUtils", "SubnetDoesNotExist");
    item.set(context.state, [netuid], args[argument]);
    if ((item as unknown) === items.Tempo) context.emit("SubtensorModule", "TempoSet", [netuid, args[argument]]);
  });
}

/** A setting of the whole network. */
function global<T>(index: number, argument: string, codec: Codec<T>, item: StorageItem<any, T>): Call {
  return call(index, { [argument]: codec } as Record<string, Codec<any>>, (context, origin, args) => {
    ensureRoot(origin);
    item.set(context.state, [], args[argument]);
  });
}

export const adminUtils: Pallet = {
  name: "AdminUtils",
  crate: "pallet_admin_utils",
  index: 19,
  storage: [],
  calls: {
    sudo_set_serving_rate_limit: perSubnet(3, "serving_rate_limit", U64, items.ServingRateLimit, "owner"),
    sudo_set_weights_version_key: perSubnet(6, "weights_version_key", U64, items.WeightsVersionKey, "owner"),
    sudo_set_weights_set_rate_limit: perSubnet(7, "weights_set_rate_limit", U64, items.WeightsSetRateLimit, "root"),
    sudo_set_immunity_period: perSubnet(13, "immunity_period", U16, items.ImmunityPeriod, "owner"),
    sudo_set_min_allowed_weights: perSubnet(14, "min_allowed_weights", U16, items.MinAllowedWeights, "owner"),
    sudo_set_max_allowed_uids: perSubnet(15, "max_allowed_uids", U16, items.MaxAllowedUids, "owner"),
    sudo_set_kappa: perSubnet(16, "kappa", U16, items.Kappa, "root"),
    sudo_set_network_registration_allowed: perSubnet(19, "registration_allowed", Bool, items.NetworkRegistrationAllowed, "root"),
    sudo_set_max_allowed_validators: perSubnet(25, "max_allowed_validators", U16, items.MaxAllowedValidators, "root"),
    sudo_set_network_rate_limit: global(29, "rate_limit", U64, items.NetworkRateLimit),
    sudo_set_tempo: perSubnet(30, "tempo", U16, items.Tempo, "root"),
    sudo_set_network_min_lock_cost: global(36, "lock_cost", TaoBalance, items.NetworkMinLockCost),
    sudo_set_lock_reduction_interval: global(38, "interval", U64, items.NetworkLockReductionInterval),
    sudo_set_stake_threshold: global(42, "min_stake", U64, items.StakeThreshold),
    sudo_set_commit_reveal_weights_enabled: perSubnet(49, "enabled", Bool, items.CommitRevealWeightsEnabled, "owner"),
    sudo_set_commit_reveal_weights_interval: perSubnet(57, "interval", U64, items.RevealPeriodEpochs, "owner"),
    sudo_set_subtoken_enabled: perSubnet(66, "subtoken_enabled", Bool, items.SubtokenEnabled, "root"),
    sudo_set_commit_reveal_version: global(71, "version", U16, items.CommitRevealWeightsVersion),
    sudo_set_admin_freeze_window: global(74, "window", U16, items.AdminFreezeWindow),
    sudo_set_start_call_delay: global(85, "delay", U64, items.StartCallDelay),
  },
  events: {},
  errors: { SubnetDoesNotExist: 0 },
  constants: {},
};
