/**
 * The metagraph in one call: `Metagraph` and `SelectiveMetagraph` field for field as the real runtime has them
 * (facts 3.7), filled with what this chain models and the type's zero where it models nothing.
 */
import { AccountId, AxonInfo, FixedI128, NetUid, type Account, AlphaBalance, TaoBalance } from "./primitives.ts";
import { stakeOf } from "./pallets/subtensor/stake.ts";
import * as items from "./pallets/subtensor/storage.ts";
import { Bool, Bytes, type Codec, compact, type FieldValues, option, struct, tuple, U128, U16, U64, U8, vec } from "./scale.ts";
import type { StateReader } from "./state.ts";

const SubnetIdentity = struct("pallet_subtensor::pallet::SubnetIdentityV3", {
  subnet_name: Bytes, github_repo: Bytes, subnet_contact: Bytes, subnet_url: Bytes, discord: Bytes, description: Bytes, logo_url: Bytes, additional: Bytes,
});
const ChainIdentity = struct("pallet_subtensor::pallet::ChainIdentityV2", {
  name: Bytes, url: Bytes, github_repo: Bytes, image: Bytes, discord: Bytes, description: Bytes, additional: Bytes,
});
const letters = vec(compact(U8));
const rao = compact(U64);
const tao = compact(TaoBalance);
const alpha = compact(AlphaBalance);
const perHotkey = <T>(codec: Codec<T>) => vec(tuple(AccountId, codec));

/** The fields in wire order; a field's position is its index in a selective request. */
const FIELDS = {
  netuid: compact(NetUid), name: letters, symbol: letters, identity: option(SubnetIdentity), network_registered_at: rao,
  owner_hotkey: AccountId, owner_coldkey: AccountId, block: rao, tempo: compact(U16), last_step: rao, blocks_since_last_step: rao,
  subnet_emission: tao, alpha_in: alpha, alpha_out: alpha, tao_in: tao, alpha_out_emission: alpha, alpha_in_emission: alpha, tao_in_emission: tao,
  pending_alpha_emission: alpha, pending_root_emission: tao, subnet_volume: compact(U128), moving_price: FixedI128,
  rho: compact(U16), kappa: compact(U16), min_allowed_weights: compact(U16), max_weights_limit: compact(U16), weights_version: rao, weights_rate_limit: rao,
  activity_cutoff: compact(U16), max_validators: compact(U16), num_uids: compact(U16), max_uids: compact(U16), burn: tao, difficulty: rao,
  registration_allowed: Bool, pow_registration_allowed: Bool, immunity_period: compact(U16), min_difficulty: rao, max_difficulty: rao,
  min_burn: tao, max_burn: tao, adjustment_alpha: rao, adjustment_interval: compact(U16), target_regs_per_interval: compact(U16),
  max_regs_per_block: compact(U16), serving_rate_limit: rao, commit_reveal_weights_enabled: Bool, commit_reveal_period: rao, liquid_alpha_enabled: Bool,
  alpha_high: compact(U16), alpha_low: compact(U16), bonds_moving_avg: rao, hotkeys: vec(AccountId), coldkeys: vec(AccountId),
  identities: vec(option(ChainIdentity)), axons: vec(AxonInfo), active: vec(Bool), validator_permit: vec(Bool), pruning_score: vec(compact(U16)),
  last_update: vec(rao), emission: vec(alpha), dividends: vec(compact(U16)), incentives: vec(compact(U16)), consensus: vec(compact(U16)),
  trust: vec(compact(U16)), rank: vec(compact(U16)), block_at_registration: vec(rao), alpha_stake: vec(alpha), tao_stake: vec(tao), total_stake: vec(tao),
  tao_dividends_per_hotkey: perHotkey(tao), alpha_dividends_per_hotkey: perHotkey(alpha),
} as const;

export const Metagraph = struct("pallet_subtensor::rpc_info::metagraph::Metagraph", FIELDS);
type MetagraphValue = FieldValues<typeof FIELDS>;

/** Only in the selective form. */
const SELECTIVE_ONLY = { validators: vec(compact(U16)), commitments: vec(tuple(AccountId, vec(compact(U8)))) } as const;
const { netuid: netuidField, ...optionalFields } = { ...FIELDS, ...SELECTIVE_ONLY };
const selectiveFields: Record<string, Codec<any>> = { netuid: netuidField };
for (const [name, codec] of Object.entries(optionalFields)) selectiveFields[name] = option(codec as Codec<unknown>);
export const SelectiveMetagraph = struct("pallet_subtensor::rpc_info::metagraph::SelectiveMetagraph", selectiveFields);

const NO_AXON = { block: 0n, version: 0, ip: 0n, port: 0, ip_type: 0, protocol: 0, placeholder1: 0, placeholder2: 0 };
/** 1.0 in I96F32: alpha costs one TAO here. */
const PRICE_ONE = 1n << 32n;

/** The metagraph of a subnet; null if there is none. */
export function metagraphOf(state: StateReader, block: number, netuid: number): MetagraphValue | null {
  if (!items.NetworksAdded.get(state, netuid)) return null;
  const count = items.SubnetworkN.get(state, netuid);
  const hotkeys = Array.from({ length: count }, (_, uid) => items.Keys.get(state, netuid, uid));
  const stakes = hotkeys.map((hotkey) => stakeOf(state, netuid, hotkey));
  const each = <T>(of: (hotkey: Account, uid: number) => T) => hotkeys.map(of);
  return {
    netuid, name: [], symbol: [], identity: null, network_registered_at: items.NetworkRegisteredAt.get(state, netuid),
    owner_hotkey: items.SubnetOwnerHotkey.get(state, netuid), owner_coldkey: items.SubnetOwner.get(state, netuid),
    block: BigInt(block), tempo: items.Tempo.get(state, netuid), last_step: items.LastMechansimStepBlock.get(state, netuid),
    blocks_since_last_step: items.BlocksSinceLastStep.get(state, netuid),
    subnet_emission: 0n, alpha_in: 0n, alpha_out: 0n, tao_in: 0n, alpha_out_emission: items.TAO, alpha_in_emission: 0n, tao_in_emission: 0n,
    pending_alpha_emission: items.PendingServerEmission.get(state, netuid) + items.PendingValidatorEmission.get(state, netuid), pending_root_emission: 0n,
    subnet_volume: 0n, moving_price: { bits: PRICE_ONE }, rho: 10, kappa: items.Kappa.get(state, netuid),
    min_allowed_weights: items.MinAllowedWeights.get(state, netuid), max_weights_limit: 65_535, weights_version: items.WeightsVersionKey.get(state, netuid),
    weights_rate_limit: items.WeightsSetRateLimit.get(state, netuid), activity_cutoff: items.ActivityCutoff.get(state, netuid),
    max_validators: items.MaxAllowedValidators.get(state, netuid), num_uids: count, max_uids: items.MaxAllowedUids.get(state, netuid),
    burn: items.Burn.get(state, netuid), difficulty: 0n, registration_allowed: items.NetworkRegistrationAllowed.get(state, netuid), pow_registration_allowed: false,
    immunity_period: items.ImmunityPeriod.get(state, netuid), min_difficulty: 0n, max_difficulty: 0n,
    min_burn: items.MinBurn.get(state, netuid), max_burn: items.MaxBurn.get(state, netuid), adjustment_alpha: 0n, adjustment_interval: 0,
    target_regs_per_interval: 0, max_regs_per_block: 0, serving_rate_limit: items.ServingRateLimit.get(state, netuid),
    commit_reveal_weights_enabled: items.CommitRevealWeightsEnabled.get(state, netuid), commit_reveal_period: items.RevealPeriodEpochs.get(state, netuid),
    liquid_alpha_enabled: false, alpha_high: 0, alpha_low: 0, bonds_moving_avg: 900_000n,
    hotkeys, coldkeys: each((hotkey) => items.Owner.get(state, hotkey)), identities: each(() => null),
    axons: each((hotkey) => items.Axons.get(state, netuid, hotkey) ?? NO_AXON), active: items.Active.get(state, netuid),
    validator_permit: items.ValidatorPermit.get(state, netuid), pruning_score: [], last_update: items.LastUpdate.get(state, netuid),
    emission: items.Emission.get(state, netuid), dividends: items.Dividends.get(state, netuid), incentives: items.Incentive.get(state, netuid),
    consensus: items.Consensus.get(state, netuid), trust: [], rank: [],
    block_at_registration: each((_, uid) => items.BlockAtRegistration.get(state, netuid, uid)),
    alpha_stake: stakes.map((stake) => stake.alpha), tao_stake: stakes.map((stake) => stake.tao), total_stake: stakes.map((stake) => stake.total),
    tao_dividends_per_hotkey: [], alpha_dividends_per_hotkey: [],
  };
}

/**
 * The fields asked for, all others None. As on the real chain (facts 10) netuid too reads 0 unless it was asked for.
 *
 * @param indexes Positions in the field list; those past its end are ignored.
 */
export function selectiveMetagraphOf(state: StateReader, block: number, netuid: number, indexes: readonly number[]): any {
  const whole = metagraphOf(state, block, netuid);
  if (!whole) return null;
  const permits = whole.validator_permit.flatMap((hasPermit, uid) => (hasPermit ? [uid] : []));
  const values: Record<string, unknown> = { ...whole, validators: permits, commitments: [] };
  const wanted = new Set(indexes);
  return Object.fromEntries(Object.keys(selectiveFields).map((name, index) => [name, wanted.has(index) ? values[name] : index === 0 ? 0 : null]));
}
