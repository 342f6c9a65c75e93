/** Utility (batches) and Sudo: calls that carry calls. Made over the runtime's call type, which contains them. */
import { AccountId, DispatchError, DispatchResult, type DispatchErrorValue, MultiAddress, type Account } from "../primitives.ts";
import { call, type CallValue, type Context, DispatchFailure, type Origin, type Pallet, signer, storageOf } from "../declare.ts";
import { type Codec, option, U32, vec } from "../scale.ts";
import type { StateReader } from "../state.ts";

/** Calls in one batch. */
const BATCH_MAX = 10_922;

export const SudoKey = storageOf("Sudo").optional("Key", [], AccountId);

export type DescribeFailure = (failure: DispatchFailure) => DispatchErrorValue;

/** @param describe Turns a failure into the runtime's DispatchError. */
export function utilityPallet(runtimeCall: Codec<CallValue>, describe: DescribeFailure): Pallet {
  const emit = (context: Context, event: string, fields: unknown) => context.emit("Utility", event, fields);
  const checked = (calls: CallValue[]) => {
    if (calls.length > BATCH_MAX) throw new DispatchFailure("Utility", "TooManyCalls");
    return calls;
  };
  return {
    name: "Utility",
    crate: "pallet_utility",
    index: 11,
    storage: [],
    calls: {
      batch: call(0, { calls: vec(runtimeCall) }, (context, origin, { calls }) => {
        for (const [index, inner] of checked(calls).entries()) {
          const failure = context.dispatch(inner, origin);
          if (failure) return emit(context, "BatchInterrupted", { index, error: describe(failure) });
          emit(context, "ItemCompleted", []);
        }
        emit(context, "BatchCompleted", []);
      }),
      batch_all: call(2, { calls: vec(runtimeCall) }, (context, origin, { calls }) => {
        for (const inner of checked(calls)) {
          const failure = context.dispatch(inner, origin);
          if (failure) throw failure;
          emit(context, "ItemCompleted", []);
        }
        emit(context, "BatchCompleted", []);
      }),
      force_batch: call(4, { calls: vec(runtimeCall) }, (context, origin, { calls }) => {
        let failures = 0;
        for (const inner of checked(calls)) {
          const failure = context.dispatch(inner, origin);
          if (failure) {
            failures++;
            emit(context, "ItemFailed", { error: describe(failure) });
          } else emit(context, "ItemCompleted", []);
        }
        emit(context, failures > 0 ? "BatchCompletedWithErrors" : "BatchCompleted", []);
      }),
    },
    events: {
      BatchInterrupted: { index: 0, fields: { index: U32, error: DispatchError } },
      BatchCompleted: { index: 1, fields: [] },
      BatchCompletedWithErrors: { index: 2, fields: [] },
      ItemCompleted: { index: 3, fields: [] },
      ItemFailed: { index: 4, fields: { error: DispatchError } },
    },
    errors: { TooManyCalls: 0 },
    constants: { batched_calls_limit: { codec: U32, value: BATCH_MAX } },
  };
}

/** @param describe Turns a failure into the runtime's DispatchError. */
export function sudoPallet(runtimeCall: Codec<CallValue>, describe: DescribeFailure): Pallet {
  const runAs = (context: Context, origin: Origin, inner: CallValue, as: Origin, event: string) => {
    requireSudo(context.state, origin);
    const failure = context.dispatch(inner, as);
    context.emit("Sudo", event, { sudo_result: failure ? { kind: "Err", value: [describe(failure)] } : { kind: "Ok", value: [[]] } });
  };
  return {
    name: "Sudo",
    crate: "pallet_sudo",
    index: 12,
    storage: [SudoKey],
    calls: {
      sudo: call(0, { call: runtimeCall }, (context, origin, { call: inner }) => runAs(context, origin, inner, { kind: "root" }, "Sudid"), { pays: false }),
      set_key: call(
        2,
        { new: MultiAddress },
        (context, origin, { new: next }) => {
          requireSudo(context.state, origin);
          const old = SudoKey.get(context.state);
          SudoKey.set(context.state, [], accountIn(next));
          context.emit("Sudo", "KeyChanged", { old, new: accountIn(next) });
        },
        { pays: false },
      ),
      sudo_as: call(
        3,
        { who: MultiAddress, call: runtimeCall },
        (context, origin, { who, call: inner }) => runAs(context, origin, inner, { kind: "signed", account: accountIn(who) }, "SudoAsDone"),
        { pays: false },
      ),
    },
    events: {
      Sudid: { index: 0, fields: { sudo_result: DispatchResult } },
      KeyChanged: { index: 1, fields: { old: option(AccountId), new: AccountId } },
      SudoAsDone: { index: 3, fields: { sudo_result: DispatchResult } },
    },
    errors: { RequireSudo: 0 },
    constants: {},
  };
}

/** Whether an account may use Sudo at all; others are refused in the pool (`SudoTransactionExtension`). */
export function isSudo(state: StateReader, account: Account): boolean {
  return SudoKey.get(state) === account;
}

function requireSudo(state: StateReader, origin: Origin): void {
  if (origin.kind === "root") return;
  if (!isSudo(state, signer(origin))) throw new DispatchFailure("Sudo", "RequireSudo");
}

function accountIn(address: { kind: string; value: any }): Account {
  if (address.kind !== "Id") throw new DispatchFailure(null, "CannotLookup");
  return address.value[0] as Account;
}
