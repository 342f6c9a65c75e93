/** The runtime's shared types, under the names and paths that the real metadata gives them. */
import { fromHex, type Ss58, toHex } from "../../core/mod.ts";
import { decodeAddress, encodeAddress } from "@polkadot/util-crypto";
import {
  Bytes, type Codec, compact, encodeCompact, decodeCompact, enumeration, fixedBytes, newtype, struct, tuple, U16, U32, U64, U8, U128, I128, type Value,
} from "./scale.ts";

/** An account id as 64 lower-case hex digits; comparable and a map key. */
export type Account = string & { readonly __brand: "Account" };
/** A 32-byte hash as 64 lower-case hex digits. */
export type Hash = string & { readonly __brand: "Hash" };

export const accountOf = (address: Ss58): Account => toHex(decodeAddress(address)) as Account;
export const addressOf = (account: Account): Ss58 => encodeAddress(fromHex(account), 42) as Ss58;
export const hashHex = (bytes: Uint8Array): Hash => toHex(bytes) as Hash;

function hex32<T extends string>(path: string): Codec<T> {
  const bytes = newtype(path, fixedBytes(32));
  return { encode: (value) => bytes.encode(fromHex(value)), decode: (input) => toHex(bytes.decode(input)) as T, define: bytes.define };
}

export const AccountId = hex32<Account>("sp_core::crypto::AccountId32");
export const H256 = hex32<Hash>("primitive_types::H256");
export const ZERO_ACCOUNT = "0".repeat(64) as Account;
export const ZERO_HASH = "0".repeat(64) as Hash;

export const NetUid = newtype("subtensor_runtime_common::NetUid", U16);
export const NetUidStorageIndex = newtype("subtensor_runtime_common::NetUidStorageIndex", U16);
export const MechId = newtype("subtensor_runtime_common::MechId", U8);
export const TaoBalance = newtype("subtensor_runtime_common::currency::TaoBalance", U64);
export const AlphaBalance = newtype("subtensor_runtime_common::currency::AlphaBalance", U64);

export const Weight = struct("sp_weights::weight_v2::Weight", { ref_time: compact(U64), proof_size: compact(U64) });
export const NO_WEIGHT = { ref_time: 0n, proof_size: 0n };

/** A unit variant. */
const unit = (index: number) => ({ index, fields: [] as const });

export const DispatchClass = enumeration("frame_support::dispatch::DispatchClass", { Normal: unit(0), Operational: unit(1), Mandatory: unit(2) });
const Pays = enumeration("frame_support::dispatch::Pays", { Yes: unit(0), No: unit(1) });
export const DispatchEventInfo = struct("frame_system::DispatchEventInfo", { weight: Weight, class: DispatchClass, pays_fee: Pays });

const ModuleError = struct("sp_runtime::ModuleError", { index: U8, error: fixedBytes(4) });
const TokenError = enumeration("sp_runtime::TokenError", {
  FundsUnavailable: unit(0), OnlyProvider: unit(1), BelowMinimum: unit(2), CannotCreate: unit(3), UnknownAsset: unit(4),
  Frozen: unit(5), Unsupported: unit(6), CannotCreateHold: unit(7), NotExpendable: unit(8), Blocked: unit(9),
});
const ArithmeticError = enumeration("sp_arithmetic::ArithmeticError", { Underflow: unit(0), Overflow: unit(1), DivisionByZero: unit(2) });
const TransactionalError = enumeration("sp_runtime::TransactionalError", { LimitReached: unit(0), NoLayer: unit(1) });
const TrieError = enumeration("sp_runtime::proving_trie::TrieError", {
  InvalidStateRoot: unit(0), IncompleteDatabase: unit(1), ValueAtIncompleteKey: unit(2), DecoderError: unit(3), InvalidHash: unit(4),
  DuplicateKey: unit(5), ExtraneousNode: unit(6), ExtraneousValue: unit(7), ExtraneousHashReference: unit(8), InvalidChildReference: unit(9),
  ValueMismatch: unit(10), IncompleteProof: unit(11), RootMismatch: unit(12), DecodeError: unit(13),
});
export const DispatchError = enumeration("sp_runtime::DispatchError", {
  Other: unit(0), CannotLookup: unit(1), BadOrigin: unit(2), Module: { index: 3, fields: [ModuleError] }, ConsumerRemaining: unit(4),
  NoProviders: unit(5), TooManyConsumers: unit(6), Token: { index: 7, fields: [TokenError] }, Arithmetic: { index: 8, fields: [ArithmeticError] },
  Transactional: { index: 9, fields: [TransactionalError] }, Exhausted: unit(10), Corruption: unit(11), Unavailable: unit(12),
  RootNotAllowed: unit(13), Trie: { index: 14, fields: [TrieError] },
});
export type DispatchErrorValue = Value<typeof DispatchError>;

/** `Result<(), DispatchError>`. */
export const DispatchResult = enumeration("Result", { Ok: { index: 0, fields: [tuple()] }, Err: { index: 1, fields: [DispatchError] } }, (table) => [
  { name: "T", type: table.idOf(UNIT) },
  { name: "E", type: table.idOf(DispatchError) },
]);
export const UNIT = tuple();

const CompactUnit: Codec<bigint> = {
  encode: encodeCompact,
  decode: decodeCompact,
  define: (table) => ({ def: { Compact: { type: table.idOf(UNIT) } } }),
};

export const MultiAddress = enumeration(
  "sp_runtime::multiaddress::MultiAddress",
  {
    Id: { index: 0, fields: [AccountId] }, Index: { index: 1, fields: [CompactUnit] }, Raw: { index: 2, fields: [Bytes] },
    Address32: { index: 3, fields: [fixedBytes(32)] }, Address20: { index: 4, fields: [fixedBytes(20)] },
  },
  (table) => [{ name: "AccountId", type: table.idOf(AccountId) }, { name: "AccountIndex", type: table.idOf(UNIT) }],
);

export const MultiSignature = enumeration("sp_runtime::MultiSignature", {
  Ed25519: { index: 0, fields: [fixedBytes(64)] }, Sr25519: { index: 1, fields: [fixedBytes(64)] }, Ecdsa: { index: 2, fields: [fixedBytes(65)] },
});

export const AxonInfo = struct("pallet_subtensor::pallet::AxonInfo", {
  block: U64, version: U32, ip: U128, port: U16, ip_type: U8, protocol: U8, placeholder1: U8, placeholder2: U8,
});
export const PrometheusInfo = struct("pallet_subtensor::pallet::PrometheusInfo", { block: U64, version: U32, ip: U128, port: U16, ip_type: U8 });

/** `I96F32`, as its bits. */
export const FixedI128 = struct("substrate_fixed::FixedI128", { bits: I128 });
