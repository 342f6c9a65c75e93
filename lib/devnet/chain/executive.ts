/** Whether an extrinsic may be included, and including it: the signed extensions in their order, fees, nonce, the call, its events. */
import { type Context, DispatchFailure } from "./declare.ts";
import { type Extrinsic, eraBirth, isSignatureValid } from "./extrinsic.ts";
import { freeBalance, withdraw } from "./pallets/balances.ts";
import { feeOf } from "./pallets/payment.ts";
import { Account, BlockHash, incrementNonce, specVersionOf } from "./pallets/system.ts";
import { isSudo } from "./pallets/utility.ts";
import { type Hash, NO_WEIGHT, ZERO_HASH } from "./primitives.ts";
import { describeFailure, dispatch, resolveCall, RuntimeEvent } from "./runtime.ts";
import type { State, StateReader } from "./state.ts";

/** Why the chain will not have an extrinsic, in the words of a Substrate node. */
export type Invalidity =
  | "Transaction has a bad signature"
  | "Transaction has an ancient birth block"
  | "Transaction is outdated"
  | "Inability to pay some fees (e.g. account balance too low)"
  | "Invalid signing address"
  | `Custom error: ${number}`;

/** A block by number and hash. */
export type BlockId = { number: number; hash: Hash };

/**
 * Checks everything but whether the nonce is too high, which only delays.
 *
 * @param parent The block on which it would be included; its own hash is not in the state yet.
 */
export function findInvalidity(state: StateReader, parent: BlockId, extrinsic: Extrinsic): Invalidity | null {
  const { signer, era, nonce, tip } = extrinsic.signed;
  const blockNumber = parent.number + 1;
  const hashOf = (number: number) => (number === parent.number ? parent.hash : BlockHash.get(state, number));
  const genesis = hashOf(0);
  const birth = era ? hashOf(eraBirth(era, blockNumber)) : genesis;
  if (birth === ZERO_HASH) return "Transaction has an ancient birth block";
  if (!isSignatureValid(extrinsic, specVersionOf(state), genesis, birth)) return "Transaction has a bad signature";
  if (nonce < Account.get(state, signer).nonce) return "Transaction is outdated";
  const { call, pallet, name, args } = resolveCall(extrinsic.call);
  if (call.pays && freeBalance(state, signer) < feeInAll(extrinsic, tip)) return "Inability to pay some fees (e.g. account balance too low)";
  if (pallet.name === "Sudo" && !isSudo(state, signer)) return "Invalid signing address";
  const custom = pallet.calls[name]!.precheck?.(state, blockNumber, signer, args) ?? null;
  return custom === null ? null : `Custom error: ${custom}`;
}

/** What an extrinsic costs without its tip, rao; 0 for the calls that pay nothing. */
export function partialFee(extrinsic: Extrinsic): bigint {
  return resolveCall(extrinsic.call).call.pays ? feeInAll(extrinsic, 0n) : 0n;
}

function feeInAll({ bytes }: Extrinsic, tip: bigint): bigint {
  const { base, byLength } = feeOf(bytes.length);
  return base + byLength + tip;
}

type EventValue = Parameters<typeof RuntimeEvent.encode>[0];
type EventPhase = { kind: "ApplyExtrinsic"; value: [number] } | { kind: "Initialization" | "Finalization"; value: [] };

/** A block being made: its state and its events so far. */
export class BlockContext implements Context {
  readonly state: State;
  readonly blockNumber: number;
  readonly events: { phase: EventPhase; event: EventValue; topics: [] }[] = [];
  phase: EventPhase = { kind: "Initialization", value: [] };

  constructor(state: State, blockNumber: number) {
    this.state = state;
    this.blockNumber = blockNumber;
  }

  emit(pallet: string, event: string, fields: unknown): void {
    this.events.push({ phase: this.phase, event: { kind: pallet, value: [{ kind: event, value: fields }] }, topics: [] });
  }

  dispatch(...[call, origin]: Parameters<Context["dispatch"]>): DispatchFailure | null {
    return dispatch(this, call, origin);
  }

  eventCount(): number {
    return this.events.length;
  }

  dropEvents(count: number): void {
    this.events.length = count;
  }

  /** Applies a valid extrinsic as number `index` of the block. Whether its call succeeds is told by its events. */
  apply(extrinsic: Extrinsic, index: number): void {
    this.phase = { kind: "ApplyExtrinsic", value: [index] };
    const { signer, tip } = extrinsic.signed;
    const { pays } = resolveCall(extrinsic.call).call;
    const fee = feeInAll(extrinsic, tip);
    if (pays) withdraw(this, signer, fee);
    incrementNonce(this, signer);
    const failure = this.dispatch(extrinsic.call, { kind: "signed", account: signer });
    if (pays) this.emit("TransactionPayment", "TransactionFeePaid", { who: signer, actual_fee: fee, tip });
    this.#conclude(failure, "Normal", pays);
  }

  /** Records the block author's own extrinsic, which always succeeds. */
  applyInherent(index: number): void {
    this.phase = { kind: "ApplyExtrinsic", value: [index] };
    this.#conclude(null, "Mandatory", true);
  }

  #conclude(failure: DispatchFailure | null, kind: "Normal" | "Mandatory", pays: boolean): void {
    const dispatch_info = { weight: NO_WEIGHT, class: { kind, value: [] }, pays_fee: { kind: pays ? "Yes" : "No", value: [] } };
    if (failure) this.emit("System", "ExtrinsicFailed", { dispatch_error: describeFailure(failure), dispatch_info });
    else this.emit("System", "ExtrinsicSuccess", { dispatch_info });
  }
}
