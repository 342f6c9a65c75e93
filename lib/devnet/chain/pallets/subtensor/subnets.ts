/** Subnets and who is on them: creation, start, registration and eviction. */
import { call, type Context, type Origin, signer } from "../../declare.ts";
import { type Account, AccountId, NetUid, ZERO_ACCOUNT } from "../../primitives.ts";
import { U64 } from "../../scale.ts";
import type { State, StateReader } from "../../state.ts";
import { EXISTENTIAL_DEPOSIT, freeBalance, withdraw } from "../balances.ts";
import { fail } from "./fail.ts";
import * as items from "./storage.ts";

/** Custom pool errors (facts 3.12). */
const RATE_LIMIT_EXCEEDED = 6;

export const ROOT_NETUID = 0;

/** After each registration the price is multiplied by 1.26. */
const BURN_STEP = { numerator: 126n, denominator: 100n };

/** Blocks after which the price has halved. */
const BURN_HALF_LIFE_BLOCKS = 360;
const BURN_DECAY_SCALE = 1n << 40n;
const BURN_DECAY = BigInt(Math.round(2 ** (-1 / BURN_HALF_LIFE_BLOCKS) * Number(BURN_DECAY_SCALE)));

/** Makes an empty subnet with the settings of a new one (facts 4.2); commit-reveal is off, as on a local network, where no drand pulse arrives. */
export function createSubnet(state: State, netuid: number, owner: Account, ownerHotkey: Account, block: number): void {
  items.NetworksAdded.set(state, [netuid], true);
  items.TotalNetworks.set(state, [], items.TotalNetworks.get(state) + 1);
  items.NetworkRegisteredAt.set(state, [netuid], BigInt(block));
  items.SubnetOwner.set(state, [netuid], owner);
  items.SubnetOwnerHotkey.set(state, [netuid], ownerHotkey);
  items.NetworkRegistrationAllowed.set(state, [netuid], true);
  items.SubnetworkN.set(state, [netuid], 0);
  items.MaxAllowedValidators.set(state, [netuid], 64);
  items.MinAllowedWeights.set(state, [netuid], 1);
  items.Burn.set(state, [netuid], items.TAO);
  items.ImmunityPeriod.set(state, [netuid], 5000);
  items.CommitRevealWeightsEnabled.set(state, [netuid], false);
  items.LastEpochBlock.set(state, [netuid], BigInt(block));
}

/** What the next `register_network` locks, in rao: doubles with each, falls back in time. */
export function networkLockCost(state: StateReader, block: number): bigint {
  const networks = networkIds(state).filter((netuid) => netuid !== ROOT_NETUID);
  const last = items.NetworkLastLockCost.get(state);
  const lastBlock = networks.reduce((latest, netuid) => (items.NetworkRegisteredAt.get(state, netuid) > latest ? items.NetworkRegisteredAt.get(state, netuid) : latest), 0n);
  const raised = lastBlock === 0n ? last : 2n * last;
  const fallen = (last / (items.NetworkLockReductionInterval.get(state) || 1n)) * (BigInt(block) - lastBlock);
  const minimum = items.NetworkMinLockCost.get(state);
  return raised - fallen > minimum ? raised - fallen : minimum;
}

/** The netuids there are, ascending. */
export function networkIds(state: StateReader): number[] {
  const ids: number[] = [];
  for (let netuid = 0; ids.length < items.TotalNetworks.get(state); netuid++) if (items.NetworksAdded.get(state, netuid)) ids.push(netuid);
  return ids;
}

/** Binds a hotkey to its coldkey at first sight. */
export function associate(state: State, hotkey: Account, coldkey: Account): void {
  const owner = items.Owner.get(state, hotkey);
  if (owner === coldkey) return;
  if (owner !== ZERO_ACCOUNT) throw fail("NonAssociatedColdKey");
  items.Owner.set(state, [hotkey], coldkey);
  items.OwnedHotkeys.set(state, [coldkey], [...items.OwnedHotkeys.get(state, coldkey), hotkey]);
}

/**
 * Gives a hotkey a uid: a new one, or on a full subnet that of the neuron pruned for it.
 *
 * @returns The uid.
 */
export function addNeuron(state: State, netuid: number, hotkey: Account, block: number): number {
  const count = items.SubnetworkN.get(state, netuid);
  const isFull = count >= items.MaxAllowedUids.get(state, netuid);
  const uid = isFull ? neuronToPrune(state, netuid, block) : count;
  if (isFull) removeNeuron(state, netuid, uid);
  else items.SubnetworkN.set(state, [netuid], count + 1);
  items.Keys.set(state, [netuid, uid], hotkey);
  items.Uids.set(state, [netuid, hotkey], uid);
  items.IsNetworkMember.set(state, [hotkey, netuid], true);
  items.BlockAtRegistration.set(state, [netuid, uid], BigInt(block));
  const put = <T>(item: { get(state: StateReader, netuid: number): T[]; set(state: State, keys: [number], values: T[]): void }, value: T) =>
    item.set(state, [netuid], item.get(state, netuid).toSpliced(uid, 1, value));
  put(items.Active, true);
  put(items.ValidatorPermit, false);
  for (const item of [items.Consensus, items.Dividends, items.ValidatorTrust, items.Incentive]) put(item, 0);
  put(items.Emission, 0n);
  put(items.LastUpdate, BigInt(block));
  return uid;
}

/** The neuron a full subnet gives up: lowest emission, then oldest; immune ones and the owner's only if there is no other. */
function neuronToPrune(state: State, netuid: number, block: number): number {
  const emission = items.Emission.get(state, netuid);
  const immunity = BigInt(items.ImmunityPeriod.get(state, netuid));
  const ownerUid = items.Uids.get(state, netuid, items.SubnetOwnerHotkey.get(state, netuid));
  const candidates = emission.map((rao, uid) => {
    const registeredAt = items.BlockAtRegistration.get(state, netuid, uid);
    return { uid, rao, registeredAt, isImmune: uid === ownerUid || BigInt(block) - registeredAt < immunity };
  });
  candidates.sort((a, b) => Number(a.isImmune) - Number(b.isImmune) || compare(a.rao, b.rao) || compare(a.registeredAt, b.registeredAt) || a.uid - b.uid);
  const first = candidates.find(({ uid }) => uid !== ownerUid);
  if (!first) throw fail("NoNeuronIdAvailable");
  return first.uid;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function removeNeuron(state: State, netuid: number, uid: number): void {
  const hotkey = items.Keys.get(state, netuid, uid);
  items.Uids.remove(state, netuid, hotkey);
  items.IsNetworkMember.remove(state, hotkey, netuid);
  items.Axons.remove(state, netuid, hotkey);
  items.Prometheus.remove(state, netuid, hotkey);
  items.Weights.remove(state, netuid, uid);
  items.Bonds.remove(state, netuid, uid);
  for (let other = 0; other < items.SubnetworkN.get(state, netuid); other++) {
    const bonds = items.Bonds.get(state, netuid, other);
    if (bonds.some(([to]) => to === uid)) items.Bonds.set(state, [netuid, other], bonds.filter(([to]) => to !== uid));
  }
}

/** One block's fall of the registration price. */
export function decayBurn(state: State, netuid: number): void {
  const burn = items.Burn.get(state, netuid);
  const minimum = items.MinBurn.get(state, netuid);
  if (burn <= minimum) return;
  const fallen = (burn * BURN_DECAY) / BURN_DECAY_SCALE;
  items.Burn.set(state, [netuid], fallen > minimum ? fallen : minimum);
}

function registerNetwork(context: Context, origin: Origin, hotkey: Account): void {
  const { state, blockNumber } = context;
  const coldkey = signer(origin);
  const owner = items.Owner.get(state, hotkey);
  if (owner !== ZERO_ACCOUNT && owner !== coldkey) throw fail("NonAssociatedColdKey");
  if (!passesNetworkRateLimit(state, blockNumber)) throw fail("NetworkTxRateLimitExceeded");
  const cost = networkLockCost(state, blockNumber);
  if (freeBalance(state, coldkey) < cost + EXISTENTIAL_DEPOSIT) throw fail("CannotAffordLockCost");
  withdraw(context, coldkey, cost);
  items.NetworkLastLockCost.set(state, [], cost);
  const taken = networkIds(state);
  let netuid = ROOT_NETUID + 1;
  while (taken.includes(netuid)) netuid++;
  associate(state, hotkey, coldkey);
  createSubnet(state, netuid, coldkey, hotkey, blockNumber);
  addNeuron(state, netuid, hotkey, blockNumber);
  context.emit("SubtensorModule", "NetworkAdded", [netuid, 0]);
}

function passesNetworkRateLimit(state: StateReader, block: number): boolean {
  const last = networkIds(state).reduce((latest, netuid) => Math.max(latest, Number(items.NetworkRegisteredAt.get(state, netuid))), 0);
  return last === 0 || BigInt(block - last) >= items.NetworkRateLimit.get(state);
}

function startCall(context: Context, origin: Origin, netuid: number): void {
  const { state, blockNumber } = context;
  const coldkey = signer(origin);
  if (!items.NetworksAdded.get(state, netuid)) throw fail("SubnetNotExists");
  if (items.SubnetOwner.get(state, netuid) !== coldkey) throw fail("NotSubnetOwner");
  if (items.FirstEmissionBlockNumber.get(state, netuid) !== null) throw fail("FirstEmissionBlockNumberAlreadySet");
  if (BigInt(blockNumber) < items.NetworkRegisteredAt.get(state, netuid) + items.StartCallDelay.get(state)) throw fail("NeedWaitingMoreBlocksToStarCall");
  items.FirstEmissionBlockNumber.set(state, [netuid], BigInt(blockNumber) + 1n);
  items.SubtokenEnabled.set(state, [netuid], true);
  context.emit("SubtensorModule", "FirstEmissionBlockNumberSet", [netuid, BigInt(blockNumber) + 1n]);
}

function burnedRegister(context: Context, origin: Origin, netuid: number, hotkey: Account, limit: bigint | null): void {
  const { state, blockNumber } = context;
  const coldkey = signer(origin);
  if (netuid === ROOT_NETUID) throw fail("RegistrationNotPermittedOnRootSubnet");
  if (!items.NetworksAdded.get(state, netuid)) throw fail("SubnetNotExists");
  if (!items.NetworkRegistrationAllowed.get(state, netuid)) throw fail("SubNetRegistrationDisabled");
  if (items.Uids.has(state, netuid, hotkey)) throw fail("HotKeyAlreadyRegisteredInSubNet");
  const burn = items.Burn.get(state, netuid);
  if (limit !== null && burn > limit) throw fail("RegistrationPriceLimitExceeded");
  if (freeBalance(state, coldkey) < burn + EXISTENTIAL_DEPOSIT) throw fail("NotEnoughBalanceToStake");
  if (items.MaxAllowedUids.get(state, netuid) === 0) throw fail("NoNeuronIdAvailable");
  associate(state, hotkey, coldkey);
  withdraw(context, coldkey, burn);
  const uid = addNeuron(state, netuid, hotkey, blockNumber);
  const raised = (burn * BURN_STEP.numerator) / BURN_STEP.denominator;
  const maximum = items.MaxBurn.get(state, netuid);
  items.Burn.set(state, [netuid], raised < maximum ? raised : maximum);
  context.emit("SubtensorModule", "NeuronRegistered", [netuid, uid, hotkey]);
}

export const subnetCalls = {
  burned_register: call(7, { netuid: NetUid, hotkey: AccountId }, (context, origin, { netuid, hotkey }) => burnedRegister(context, origin, netuid, hotkey, null)),
  register_network: call(59, { hotkey: AccountId }, (context, origin, { hotkey }) => registerNetwork(context, origin, hotkey), {
    precheck: (state, block) => (passesNetworkRateLimit(state, block) ? null : RATE_LIMIT_EXCEEDED),
  }),
  // Newer than spec 393 (`test/devnet/newer.ts`).
  register_limit: call(134, { netuid: NetUid, hotkey: AccountId, limit_price: U64 }, (context, origin, { netuid, hotkey, limit_price }) =>
    burnedRegister(context, origin, netuid, hotkey, limit_price),
  ),
  start_call: call(92, { netuid: NetUid }, (context, origin, { netuid }) => startCall(context, origin, netuid)),
};
