/** What every block does to a subnet: prices fall, emission accrues, and when the epoch is due it runs. */
import type { Context } from "../../declare.ts";
import { ZERO_ACCOUNT } from "../../primitives.ts";
import type { State, StateReader } from "../../state.ts";
import { permitsByStake, runEpoch } from "../../epoch.ts";
import { revealTimelocked } from "./commits.ts";
import { creditStake, stakeOf } from "./stake.ts";
import * as items from "./storage.ts";
import { decayBurn, networkIds, ROOT_NETUID } from "./subnets.ts";

/** Alpha given out per block, in rao. */
const BLOCK_EMISSION = items.TAO;
/** The owner's part of it, in 65,535ths: 18 %. The rest goes half to miners, half to validators. */
const OWNER_CUT = 11_796n;
const U16_MAX = 65_535;

/** The pallet's work at the start of a block. */
export function stepSubnets(context: Pick<Context, "state" | "blockNumber" | "emit">): void {
  const { state, blockNumber: block } = context;
  for (const netuid of networkIds(state)) {
    if (netuid === ROOT_NETUID) continue;
    decayBurn(state, netuid);
    revealTimelocked(context, netuid);
    const firstEmission = items.FirstEmissionBlockNumber.get(state, netuid);
    if (firstEmission !== null && BigInt(block) >= firstEmission) accrue(state, netuid);
    if (isEpochDue(state, netuid, block)) stepEpoch(state, netuid, block);
    else items.BlocksSinceLastStep.set(state, [netuid], items.BlocksSinceLastStep.get(state, netuid) + 1n);
  }
}

/** When the next epoch of a subnet begins if nothing changes; null where tempo 0 means never. */
export function nextEpochStartBlock(state: StateReader, netuid: number, block: number): bigint | null {
  const tempo = items.Tempo.get(state, netuid);
  if (tempo === 0 || !items.NetworksAdded.get(state, netuid)) return null;
  const due = items.LastEpochBlock.get(state, netuid) + BigInt(tempo);
  return due > BigInt(block) ? due : BigInt(block) + 1n;
}

function isEpochDue(state: StateReader, netuid: number, block: number): boolean {
  const tempo = items.Tempo.get(state, netuid);
  return tempo > 0 && BigInt(block) >= items.LastEpochBlock.get(state, netuid) + BigInt(tempo);
}

function accrue(state: State, netuid: number): void {
  const ownerCut = (BLOCK_EMISSION * OWNER_CUT) / BigInt(U16_MAX);
  const miners = (BLOCK_EMISSION - ownerCut) / 2n;
  const add = (item: typeof items.PendingOwnerCut, rao: bigint) => item.set(state, [netuid], item.get(state, netuid) + rao);
  add(items.PendingOwnerCut, ownerCut);
  add(items.PendingServerEmission, miners);
  add(items.PendingValidatorEmission, BLOCK_EMISSION - ownerCut - miners);
}

/** Takes what has accrued. */
function drain(state: State, item: typeof items.PendingOwnerCut, netuid: number): bigint {
  const rao = item.get(state, netuid);
  item.set(state, [netuid], 0n);
  return rao;
}

/** Sets permits by stake outside an epoch, for a subnet that begins ready. */
export function grantPermits(state: State, netuid: number): void {
  items.ValidatorPermit.set(state, [netuid], permitsByStake(readStakes(state, netuid)));
}

function readStakes(state: StateReader, netuid: number) {
  const count = items.SubnetworkN.get(state, netuid);
  const hotkeys = Array.from({ length: count }, (_, uid) => items.Keys.get(state, netuid, uid));
  return {
    hotkeys,
    stake: hotkeys.map((hotkey) => stakeOf(state, netuid, hotkey).total),
    stakeThreshold: items.StakeThreshold.get(state),
    maxValidators: items.MaxAllowedValidators.get(state, netuid),
    ownerUid: items.Uids.get(state, netuid, items.SubnetOwnerHotkey.get(state, netuid)),
  };
}

function stepEpoch(state: State, netuid: number, block: number): void {
  const { hotkeys, ...stakes } = readStakes(state, netuid);
  const uids = hotkeys.map((_, uid) => uid);
  const lastUpdate = items.LastUpdate.get(state, netuid);
  const cutoff = BigInt(items.ActivityCutoff.get(state, netuid));
  const isActive = lastUpdate.map((updated) => updated + cutoff >= BigInt(block));
  const result = runEpoch({
    ...stakes,
    isActive,
    lastUpdate,
    permits: items.ValidatorPermit.get(state, netuid),
    registeredAt: uids.map((uid) => items.BlockAtRegistration.get(state, netuid, uid)),
    weights: uids.map((uid) => items.Weights.get(state, netuid, uid)),
    bonds: uids.map((uid) => items.Bonds.get(state, netuid, uid)),
    kappa: items.Kappa.get(state, netuid),
  });

  const toMiners = drain(state, items.PendingServerEmission, netuid);
  const toValidators = drain(state, items.PendingValidatorEmission, netuid);
  const emission = uids.map((uid) => part(toMiners, result.incentive[uid]!) + part(toValidators, result.dividends[uid]!));
  for (const uid of uids) creditStake(state, netuid, hotkeys[uid]!, emission[uid]!);
  const toOwner = drain(state, items.PendingOwnerCut, netuid);
  const ownerHotkey = items.SubnetOwnerHotkey.get(state, netuid);
  // An owner without a hotkey has nowhere to be paid.
  if (ownerHotkey !== ZERO_ACCOUNT) creditStake(state, netuid, ownerHotkey, toOwner);

  items.Active.set(state, [netuid], isActive);
  items.ValidatorPermit.set(state, [netuid], result.permits);
  items.Consensus.set(state, [netuid], result.consensus.map(toU16));
  items.ValidatorTrust.set(state, [netuid], result.validatorTrust.map(toU16));
  items.Incentive.set(state, [netuid], result.incentive.map(toU16));
  items.Dividends.set(state, [netuid], result.dividends.map(toU16));
  items.Emission.set(state, [netuid], emission);
  for (const uid of uids) {
    if (!result.permits[uid]) items.Bonds.remove(state, netuid, uid);
    else items.Bonds.set(state, [netuid, uid], result.bonds[uid]!.map((bond, to): [number, number] => [to, toU16(bond)]).filter(([, bond]) => bond > 0));
  }
  items.BlocksSinceLastStep.set(state, [netuid], 0n);
  items.LastMechansimStepBlock.set(state, [netuid], BigInt(block));
  items.LastEpochBlock.set(state, [netuid], BigInt(block));
  items.PendingEpochAt.set(state, [netuid], 0n);
  items.SubnetEpochIndex.set(state, [netuid], items.SubnetEpochIndex.get(state, netuid) + 1n);
}

const toU16 = (fraction: number) => Math.min(U16_MAX, Math.floor(fraction * U16_MAX));
/** A fraction of an amount, exact to 2^-32 of it. */
const part = (rao: bigint, fraction: number) => (rao * BigInt(Math.floor(fraction * 2 ** 32))) >> 32n;
