/** SubtensorModule: the part of the real pallet that a subnet's miners, validators and newcomers use. */
import type { Pallet } from "../../declare.ts";
import { AccountId, AlphaBalance, H256, NetUid, NetUidStorageIndex, TaoBalance } from "../../primitives.ts";
import { U16, U64 } from "../../scale.ts";
import { commitCalls } from "./commits.ts";
import { ERRORS } from "./fail.ts";
import { servingCalls } from "./serving.ts";
import { stakeCalls } from "./stake.ts";
import { STORAGE, TAO } from "./storage.ts";
import { subnetCalls } from "./subnets.ts";
import { weightCalls } from "./weights.ts";

export const subtensor: Pallet = {
  name: "SubtensorModule",
  crate: "pallet_subtensor",
  index: 7,
  storage: STORAGE,
  calls: { ...weightCalls, ...commitCalls, ...stakeCalls, ...servingCalls, ...subnetCalls },
  events: {
    NetworkAdded: { index: 0, fields: [NetUid, U16] },
    StakeAdded: { index: 2, fields: [AccountId, AccountId, TaoBalance, AlphaBalance, NetUid, U64] },
    WeightsSet: { index: 5, fields: [NetUidStorageIndex, U16] },
    NeuronRegistered: { index: 6, fields: [NetUid, U16, AccountId] },
    AxonServed: { index: 28, fields: [NetUid, AccountId] },
    PrometheusServed: { index: 29, fields: [NetUid, AccountId] },
    TempoSet: { index: 50, fields: [NetUid, U16] },
    WeightsCommitted: { index: 83, fields: [AccountId, NetUidStorageIndex, H256] },
    WeightsRevealed: { index: 84, fields: [AccountId, NetUidStorageIndex, H256] },
    FirstEmissionBlockNumberSet: { index: 93, fields: [NetUid, U64] },
    TimelockedWeightsCommitted: { index: 105, fields: [AccountId, NetUidStorageIndex, H256, U64] },
    TimelockedWeightsRevealed: { index: 106, fields: [NetUidStorageIndex, AccountId] },
  },
  errors: ERRORS,
  constants: {
    InitialTempo: { codec: U16, value: 360 },
    InitialKappa: { codec: U16, value: 32_767 },
    InitialMinBurn: { codec: TaoBalance, value: 500_000n },
    InitialMaxBurn: { codec: TaoBalance, value: 100n * TAO },
    InitialServingRateLimit: { codec: U64, value: 50n },
    InitialMaxAllowedUids: { codec: U16, value: 256 },
  },
};
