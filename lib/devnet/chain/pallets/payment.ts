/** TransactionPayment: what a paying extrinsic costs. */
import { AccountId } from "../primitives.ts";
import { type Pallet, storageOf } from "../declare.ts";
import { U128, U64, U8 } from "../scale.ts";

/** 1.0 in the multiplier's fixed point. */
const ONE = 10n ** 18n;

const NextFeeMultiplier = storageOf("TransactionPayment").item("NextFeeMultiplier", [], U128, ONE);

/** Fee of any paying extrinsic, in rao; about what a transfer costs on finney. */
const BASE_FEE = 100_000n;
/** Fee per byte of it, in rao. */
const BYTE_FEE = 200n;

/** The fee of a paying extrinsic of `length` bytes, in rao. */
export function feeOf(length: number): { base: bigint; byLength: bigint } {
  return { base: BASE_FEE, byLength: BYTE_FEE * BigInt(length) };
}

export const transactionPayment: Pallet = {
  name: "TransactionPayment",
  crate: "pallet_transaction_payment",
  index: 6,
  storage: [NextFeeMultiplier],
  calls: {},
  events: { TransactionFeePaid: { index: 0, fields: { who: AccountId, actual_fee: U64, tip: U64 } } },
  errors: {},
  constants: { OperationalFeeMultiplier: { codec: U8, value: 5 } },
};
