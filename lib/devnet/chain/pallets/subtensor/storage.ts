/** What SubtensorModule stores, as far as a subnet's miners and validators read it, with the real defaults. */
import { blake2Concat, identity, storageOf, twox64Concat } from "../../declare.ts";
import { AccountId, AlphaBalance, AxonInfo, H256, MechId, NetUid, NetUidStorageIndex, PrometheusInfo, TaoBalance, ZERO_ACCOUNT } from "../../primitives.ts";
import { Bool, Bytes, tuple, U16, U64, vec } from "../../scale.ts";

const storage = storageOf("SubtensorModule");
const perSubnet = [identity(NetUid)] as const;
const perMechanism = [identity(NetUidStorageIndex)] as const;
const perUid = [identity(NetUid), identity(U16)] as const;
const perHotkey = [identity(NetUid), blake2Concat(AccountId)] as const;

export const TAO = 1_000_000_000n;

// The network as a whole.
export const TaoWeight = storage.item("TaoWeight", [], U64, 971_718_665_099_567_868n);
export const StakeThreshold = storage.item("StakeThreshold", [], U64, 0n);
export const AdminFreezeWindow = storage.item("AdminFreezeWindow", [], U16, 10);
export const TotalNetworks = storage.item("TotalNetworks", [], U16, 0);
export const TotalStake = storage.item("TotalStake", [], TaoBalance, 0n);
export const NetworkRateLimit = storage.item("NetworkRateLimit", [], U64, 7200n);
export const NetworkMinLockCost = storage.item("NetworkMinLockCost", [], TaoBalance, 1000n * TAO);
export const NetworkLastLockCost = storage.item("NetworkLastLockCost", [], TaoBalance, 1000n * TAO);
export const NetworkLockReductionInterval = storage.item("NetworkLockReductionInterval", [], U64, 100_800n);
export const StartCallDelay = storage.item("StartCallDelay", [], U64, 0n);

// A subnet.
export const NetworksAdded = storage.item("NetworksAdded", perSubnet, Bool, false);
export const NetworkRegisteredAt = storage.item("NetworkRegisteredAt", perSubnet, U64, 0n);
export const NetworkRegistrationAllowed = storage.item("NetworkRegistrationAllowed", perSubnet, Bool, true);
export const SubnetOwner = storage.item("SubnetOwner", perSubnet, AccountId, ZERO_ACCOUNT);
export const SubnetOwnerHotkey = storage.item("SubnetOwnerHotkey", perSubnet, AccountId, ZERO_ACCOUNT);
export const SubnetMechanism = storage.item("SubnetMechanism", perSubnet, U16, 0);
export const SubtokenEnabled = storage.item("SubtokenEnabled", perSubnet, Bool, false);
export const FirstEmissionBlockNumber = storage.optional("FirstEmissionBlockNumber", perSubnet, U64);
export const SubnetworkN = storage.item("SubnetworkN", perSubnet, U16, 0);
export const MaxAllowedUids = storage.item("MaxAllowedUids", perSubnet, U16, 256);
export const MaxAllowedValidators = storage.item("MaxAllowedValidators", perSubnet, U16, 128);
export const ImmunityPeriod = storage.item("ImmunityPeriod", perSubnet, U16, 4096);
export const Kappa = storage.item("Kappa", perSubnet, U16, 32_767);
export const MinAllowedWeights = storage.item("MinAllowedWeights", perSubnet, U16, 1024);
export const WeightsVersionKey = storage.item("WeightsVersionKey", perSubnet, U64, 0n);
export const WeightsSetRateLimit = storage.item("WeightsSetRateLimit", perSubnet, U64, 100n);
export const CommitRevealWeightsEnabled = storage.item("CommitRevealWeightsEnabled", perSubnet, Bool, true);
export const RevealPeriodEpochs = storage.item("RevealPeriodEpochs", [twox64Concat(NetUid)], U64, 1n);
export const ServingRateLimit = storage.item("ServingRateLimit", perSubnet, U64, 50n);
export const ActivityCutoff = storage.item("ActivityCutoff", perSubnet, U16, 5000);
export const MechanismCountCurrent = storage.item("MechanismCountCurrent", [twox64Concat(NetUid)], MechId, 1);
export const Burn = storage.item("Burn", perSubnet, TaoBalance, TAO / 10n);
export const MinBurn = storage.item("MinBurn", perSubnet, TaoBalance, 500_000n);
export const MaxBurn = storage.item("MaxBurn", perSubnet, TaoBalance, 100n * TAO);
export const PendingServerEmission = storage.item("PendingServerEmission", perSubnet, AlphaBalance, 0n);
export const PendingValidatorEmission = storage.item("PendingValidatorEmission", perSubnet, AlphaBalance, 0n);
export const PendingOwnerCut = storage.item("PendingOwnerCut", perSubnet, AlphaBalance, 0n);

// Its epochs. The first three are newer than spec 393 (`test/devnet/newer.ts`).
export const LastEpochBlock = storage.item("LastEpochBlock", perSubnet, U64, 0n);
export const PendingEpochAt = storage.item("PendingEpochAt", perSubnet, U64, 0n);
export const SubnetEpochIndex = storage.item("SubnetEpochIndex", perSubnet, U64, 0n);
export const Tempo = storage.item("Tempo", perSubnet, U16, 360);
export const BlocksSinceLastStep = storage.item("BlocksSinceLastStep", perSubnet, U64, 0n);
export const LastMechansimStepBlock = storage.item("LastMechansimStepBlock", perSubnet, U64, 0n);

// Keys.
export const Owner = storage.item("Owner", [blake2Concat(AccountId)], AccountId, ZERO_ACCOUNT);
export const OwnedHotkeys = storage.item("OwnedHotkeys", [blake2Concat(AccountId)], vec(AccountId), []);
export const TotalHotkeyAlpha = storage.item("TotalHotkeyAlpha", [blake2Concat(AccountId), identity(NetUid)], AlphaBalance, 0n);
export const IsNetworkMember = storage.item("IsNetworkMember", [blake2Concat(AccountId), identity(NetUid)], Bool, false);
export const Keys = storage.item("Keys", perUid, AccountId, ZERO_ACCOUNT);
export const Uids = storage.optional("Uids", perHotkey, U16);
export const BlockAtRegistration = storage.item("BlockAtRegistration", perUid, U64, 0n);
export const Axons = storage.optional("Axons", perHotkey, AxonInfo);
export const Prometheus = storage.optional("Prometheus", perHotkey, PrometheusInfo);

// What the epoch reads and writes, by uid.
export const Active = storage.item("Active", perSubnet, vec(Bool), []);
export const ValidatorPermit = storage.item("ValidatorPermit", perSubnet, vec(Bool), []);
export const Consensus = storage.item("Consensus", perSubnet, vec(U16), []);
export const Dividends = storage.item("Dividends", perSubnet, vec(U16), []);
export const ValidatorTrust = storage.item("ValidatorTrust", perSubnet, vec(U16), []);
export const Emission = storage.item("Emission", perSubnet, vec(AlphaBalance), []);
export const Incentive = storage.item("Incentive", perMechanism, vec(U16), []);
export const LastUpdate = storage.item("LastUpdate", perMechanism, vec(U64), []);
const uidValues = vec(tuple(U16, U16));
export const Weights = storage.item("Weights", [identity(NetUidStorageIndex), identity(U16)], uidValues, []);
export const Bonds = storage.item("Bonds", [identity(NetUidStorageIndex), identity(U16)], uidValues, []);

// Commit-reveal: by hash, per hotkey; timelocked, per epoch of the commit.
const waitingCommits = vec(tuple(H256, U64, U64, U64));
/** Of a commit by hash: the hash, its block, and the first and last block at which it may be revealed as foreseen then. */
export const WeightCommits = storage.optional("WeightCommits", [twox64Concat(NetUidStorageIndex), twox64Concat(AccountId)], waitingCommits);
const timelockedCommits = vec(tuple(AccountId, U64, Bytes, U64));
/** Of a timelocked commit: who, its block, the bytes, the round. */
export const TimelockedWeightCommits = storage.item("TimelockedWeightCommits", [twox64Concat(NetUidStorageIndex), twox64Concat(U64)], timelockedCommits, []);
export const CommitRevealWeightsVersion = storage.item("CommitRevealWeightsVersion", [], U16, 4);

/** Every item, for the metadata. */
export const STORAGE = [
  TaoWeight, StakeThreshold, AdminFreezeWindow, TotalNetworks, TotalStake, NetworkRateLimit, NetworkMinLockCost, NetworkLastLockCost,
  NetworkLockReductionInterval, StartCallDelay, NetworksAdded, NetworkRegisteredAt, NetworkRegistrationAllowed, SubnetOwner, SubnetOwnerHotkey,
  SubnetMechanism, SubtokenEnabled, FirstEmissionBlockNumber, SubnetworkN, MaxAllowedUids, MaxAllowedValidators, ImmunityPeriod, Kappa,
  MinAllowedWeights, WeightsVersionKey, WeightsSetRateLimit, CommitRevealWeightsEnabled, RevealPeriodEpochs, ServingRateLimit, ActivityCutoff,
  MechanismCountCurrent, Burn, MinBurn, MaxBurn, PendingServerEmission, PendingValidatorEmission, PendingOwnerCut, LastEpochBlock, PendingEpochAt,
  SubnetEpochIndex, Tempo, BlocksSinceLastStep, LastMechansimStepBlock, Owner, OwnedHotkeys, TotalHotkeyAlpha, IsNetworkMember, Keys, Uids,
  BlockAtRegistration, Axons, Prometheus, Active, ValidatorPermit, Consensus, Dividends, ValidatorTrust, Emission, Incentive, LastUpdate, Weights,
  Bonds, WeightCommits, TimelockedWeightCommits, CommitRevealWeightsVersion,
];
