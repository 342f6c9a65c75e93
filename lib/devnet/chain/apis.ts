/** The runtime APIs: what `state_call` answers, each method with the types the metadata declares for it. */
import { partialFee } from "./executive.ts";
import { decodeExtrinsic } from "./extrinsic.ts";
import type { Account } from "./primitives.ts";
import { AccountId, DispatchClass, MechId, NetUid, NO_WEIGHT, TaoBalance, Weight } from "./primitives.ts";
import { Metagraph, metagraphOf, SelectiveMetagraph, selectiveMetagraphOf } from "./metagraph.ts";
import { Account as AccountInfo, RuntimeVersion, specVersionOf } from "./pallets/system.ts";
import { networkLockCost } from "./pallets/subtensor/subnets.ts";
import { nextEpochStartBlock } from "./pallets/subtensor/step.ts";
import { Bytes, type Codec, decodeFieldsAll, type Fields, type FieldValues, newtype, option, struct, U16, U32, U64, vec } from "./scale.ts";
import { UncheckedExtrinsic } from "./signed_extensions.ts";
import type { StateReader } from "./state.ts";
import { runtimeVersion } from "./version.ts";

/** What an API method sees: a state, its block, the chain's settings and metadata. */
export type ApiContext = { state: StateReader; blockNumber: number; blockMs: number; metadata(version: number): Uint8Array | null };

export type ApiMethod = { inputs: Fields; output: Codec<any>; run(context: ApiContext, args: any): unknown };

function method<const F extends Fields, T>(inputs: F, output: Codec<T>, run: (context: ApiContext, args: FieldValues<F>) => T): ApiMethod {
  return { inputs, output, run };
}

const OpaqueMetadata = newtype("sp_core::OpaqueMetadata", Bytes);
const RuntimeDispatchInfo = struct("pallet_transaction_payment::types::RuntimeDispatchInfo", { weight: Weight, class: DispatchClass, partial_fee: U64 });
const METADATA_VERSIONS = [14, 15];

export const APIS: Readonly<Record<string, Readonly<Record<string, ApiMethod>>>> = {
  Core: {
    version: method({}, RuntimeVersion, ({ state }) => runtimeVersion(specVersionOf(state))),
  },
  Metadata: {
    metadata: method({}, OpaqueMetadata, ({ metadata }) => metadata(14)!),
    metadata_at_version: method({ version: U32 }, option(OpaqueMetadata), ({ metadata }, { version }) => metadata(version)),
    metadata_versions: method({}, vec(U32), () => METADATA_VERSIONS),
  },
  AuraApi: {
    slot_duration: method({}, U64, ({ blockMs }) => BigInt(blockMs)),
  },
  AccountNonceApi: {
    account_nonce: method({ account: AccountId }, U32, ({ state }, { account }) => AccountInfo.get(state, account as Account).nonce),
  },
  TransactionPaymentApi: {
    query_info: method({ uxt: UncheckedExtrinsic, len: U32 }, RuntimeDispatchInfo, (_context, { uxt }) => ({
      weight: NO_WEIGHT,
      class: { kind: "Normal", value: [] },
      partial_fee: partialFee(decodeExtrinsic(uxt)),
    })),
  },
  SubnetInfoRuntimeApi: {
    get_metagraph: method({ netuid: NetUid }, option(Metagraph), ({ state, blockNumber }, { netuid }) => metagraphOf(state, blockNumber, netuid)),
    get_selective_metagraph: method({ netuid: NetUid, metagraph_indexes: vec(U16) }, option(SelectiveMetagraph), ({ state, blockNumber }, { netuid, metagraph_indexes }) =>
      selectiveMetagraphOf(state, blockNumber, netuid, metagraph_indexes),
    ),
    get_selective_mechagraph: method(
      { netuid: NetUid, subid: MechId, metagraph_indexes: vec(U16) },
      option(SelectiveMetagraph),
      ({ state, blockNumber }, { netuid, subid, metagraph_indexes }) => (subid === 0 ? selectiveMetagraphOf(state, blockNumber, netuid, metagraph_indexes) : null),
    ),
    // Newer than spec 393 (`test/devnet/newer.ts`).
    get_next_epoch_start_block: method({ netuid: NetUid }, option(U64), ({ state, blockNumber }, { netuid }) => nextEpochStartBlock(state, netuid, blockNumber)),
  },
  SubnetRegistrationRuntimeApi: {
    get_network_registration_cost: method({}, TaoBalance, ({ state, blockNumber }) => networkLockCost(state, blockNumber)),
  },
};

/**
 * Answers `state_call`.
 *
 * @param name `<Api>_<method>`.
 * @returns The SCALE result; null if there is no such method.
 * @throws {DecodeError} If the arguments are not what the method takes.
 */
export function callApi(context: ApiContext, name: string, input: Uint8Array): Uint8Array | null {
  const at = name.indexOf("_");
  const api = Object.hasOwn(APIS, name.slice(0, at)) ? APIS[name.slice(0, at)]! : {};
  const found = Object.hasOwn(api, name.slice(at + 1)) ? api[name.slice(at + 1)]! : null;
  if (!found) return null;
  return found.output.encode(found.run(context, decodeFieldsAll(found.inputs, input)));
}
