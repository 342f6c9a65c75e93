/** Block 0: who has money, who is sudo, and if asked for a subnet that is ready to work on. */
import { type Ss58 } from "../../core/mod.ts";
import { installBeacon } from "./drand.ts";
import { endow } from "./pallets/balances.ts";
import * as items from "./pallets/subtensor/storage.ts";
import { creditStake } from "./pallets/subtensor/stake.ts";
import { grantPermits } from "./pallets/subtensor/step.ts";
import { addNeuron, associate, createSubnet, ROOT_NETUID } from "./pallets/subtensor/subnets.ts";
import { setSpecVersion } from "./pallets/system.ts";
import { SudoKey } from "./pallets/utility.ts";
import { type Account, accountOf, ZERO_ACCOUNT } from "./primitives.ts";
import { State } from "./state.ts";
import { SPEC_VERSION } from "./version.ts";

/** A neuron that is there from the beginning. */
export type GenesisNeuron = {
  hotkey: Ss58;
  coldkey: Ss58;
  /** Alpha staked to the hotkey on the subnet, rao. */
  stake: bigint;
};

/** A subnet that is there from the beginning: started, staking open, permits by stake already given. */
export type GenesisSubnet = {
  /** 1 to 65,535. */
  netuid: number;
  /** Coldkey of its owner; //Alice if left out. The first neuron of this coldkey is the owner's hotkey. */
  owner?: Ss58;
  /** In the order of their uids, at most `maxAllowedUids`. */
  neurons: readonly GenesisNeuron[];
  /** Least S for a permit, rao. 1000 TAO as on finney if left out: otherwise every miner that earned anything gets one. */
  stakeThreshold?: bigint;
  maxAllowedValidators?: number;
  maxAllowedUids?: number;
  /** Blocks between two `set_weights` of one hotkey; one tempo if left out. */
  weightsSetRateLimit?: number;
  /** Blocks between two `serve_axon` of one hotkey; 50 if left out. */
  servingRateLimit?: number;
  /** Whether weights are committed to and revealed later; off if left out. */
  isCommitRevealEnabled?: boolean;
};

export type GenesisOptions = {
  /** Blocks from epoch to epoch on the genesis subnet; 360 if left out. */
  tempoBlocks?: number;
  /** Free balances, rao. //Alice has a million TAO besides. */
  endowments?: readonly { account: Ss58; rao: bigint }[];
  subnet?: GenesisSubnet;
  /** Version of the runtime; the recorded one if left out. One before it shows fewer calls. */
  specVersion?: number;
};

/** //Alice, the sudo key of every development chain. */
const ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY" as Ss58;
const ALICE_RAO = 1_000_000n * items.TAO;
const STAKE_THRESHOLD = 1000n * items.TAO;

/**
 * The state before the first block.
 *
 * @param blockMs Time from block to block, in milliseconds.
 */
export function genesisState({ tempoBlocks, endowments = [], subnet, specVersion = SPEC_VERSION }: GenesisOptions, blockMs: number): State {
  const state = new State();
  setSpecVersion(state, specVersion);
  installBeacon(state, blockMs);
  const alice = accountOf(ALICE);
  SudoKey.set(state, [], alice);
  endow(state, alice, ALICE_RAO);
  for (const { account, rao } of endowments) endow(state, accountOf(account), rao);
  items.NetworksAdded.set(state, [ROOT_NETUID], true);
  items.TotalNetworks.set(state, [], 1);
  items.Tempo.set(state, [ROOT_NETUID], 100);
  items.MaxAllowedValidators.set(state, [ROOT_NETUID], 128);
  if (subnet) addSubnet(state, subnet, tempoBlocks ?? 360);
  return state;
}

function addSubnet(state: State, subnet: GenesisSubnet, tempoBlocks: number): void {
  const { netuid, neurons } = subnet;
  const owner = accountOf(subnet.owner ?? ALICE);
  const ownerHotkey = neurons.find(({ coldkey }) => accountOf(coldkey) === owner)?.hotkey;
  createSubnet(state, netuid, owner, ownerHotkey ? accountOf(ownerHotkey) : (ZERO_ACCOUNT as Account), 0);
  items.Tempo.set(state, [netuid], tempoBlocks);
  items.SubtokenEnabled.set(state, [netuid], true);
  items.FirstEmissionBlockNumber.set(state, [netuid], 1n);
  items.StakeThreshold.set(state, [], subnet.stakeThreshold ?? STAKE_THRESHOLD);
  items.WeightsSetRateLimit.set(state, [netuid], BigInt(subnet.weightsSetRateLimit ?? tempoBlocks));
  items.ServingRateLimit.set(state, [netuid], BigInt(subnet.servingRateLimit ?? 50));
  items.CommitRevealWeightsEnabled.set(state, [netuid], subnet.isCommitRevealEnabled ?? false);
  if (subnet.maxAllowedValidators !== undefined) items.MaxAllowedValidators.set(state, [netuid], subnet.maxAllowedValidators);
  if (subnet.maxAllowedUids !== undefined) items.MaxAllowedUids.set(state, [netuid], subnet.maxAllowedUids);
  for (const { hotkey, coldkey, stake } of neurons) {
    associate(state, accountOf(hotkey), accountOf(coldkey));
    addNeuron(state, netuid, accountOf(hotkey), 0);
    creditStake(state, netuid, accountOf(hotkey), stake);
    items.TotalStake.set(state, [], items.TotalStake.get(state) + stake);
  }
  grantPermits(state, netuid);
}
