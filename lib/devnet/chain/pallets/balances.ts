/** Balances: free TAO of accounts in rao. Nothing is ever reserved or frozen here. */
import { type Account as AccountKey, AccountId, MultiAddress } from "../primitives.ts";
import { call, type Context, DispatchFailure, ensureRoot, type Pallet, signer, storageOf } from "../declare.ts";
import { Bool, compact, U32, U64, type Value } from "../scale.ts";
import { Account } from "./system.ts";
import type { State, StateReader } from "../state.ts";

/** Below this an account ceases to exist, in rao. */
export const EXISTENTIAL_DEPOSIT = 500n;

const TotalIssuance = storageOf("Balances").item("TotalIssuance", [], U64, 0n);

const errors = { LiquidityRestrictions: 1, InsufficientBalance: 2, ExistentialDeposit: 3, Expendability: 4, DeadAccount: 6 };

const lookup = (address: Value<typeof MultiAddress>): AccountKey => {
  if (address.kind !== "Id") throw new DispatchFailure(null, "CannotLookup");
  return address.value[0] as AccountKey;
};

export const balances: Pallet = {
  name: "Balances",
  crate: "pallet_balances",
  index: 5,
  storage: [TotalIssuance],
  calls: {
    transfer_allow_death: call(0, { dest: MultiAddress, value: compact(U64) }, (context, origin, { dest, value }) => {
      transfer(context, signer(origin), lookup(dest), value, false);
    }),
    transfer_keep_alive: call(3, { dest: MultiAddress, value: compact(U64) }, (context, origin, { dest, value }) => {
      transfer(context, signer(origin), lookup(dest), value, true);
    }),
    transfer_all: call(4, { dest: MultiAddress, keep_alive: Bool }, (context, origin, { dest, keep_alive }) => {
      const from = signer(origin);
      const free = freeBalance(context.state, from);
      transfer(context, from, lookup(dest), keep_alive ? free - EXISTENTIAL_DEPOSIT : free, keep_alive);
    }),
    force_set_balance: call(8, { who: MultiAddress, new_free: compact(U64) }, (context, origin, { who, new_free }) => {
      ensureRoot(origin);
      const account = lookup(who);
      setFree(context, account, new_free);
      context.emit("Balances", "BalanceSet", { who: account, free: new_free });
    }),
  },
  events: {
    Endowed: { index: 0, fields: { account: AccountId, free_balance: U64 } },
    DustLost: { index: 1, fields: { account: AccountId, amount: U64 } },
    Transfer: { index: 2, fields: { from: AccountId, to: AccountId, amount: U64 } },
    BalanceSet: { index: 3, fields: { who: AccountId, free: U64 } },
    Withdraw: { index: 8, fields: { who: AccountId, amount: U64 } },
  },
  errors,
  constants: {
    ExistentialDeposit: { codec: U64, value: EXISTENTIAL_DEPOSIT },
    MaxLocks: { codec: U32, value: 50 },
    MaxReserves: { codec: U32, value: 50 },
  },
};

/** What an account can spend, in rao. */
export function freeBalance(state: StateReader, account: AccountKey): bigint {
  return Account.get(state, account).data.free;
}

/** Gives an account its first balance, before the first block: no events. */
export function endow(state: State, account: AccountKey, rao: bigint): void {
  const info = Account.get(state, account);
  Account.set(state, [account], { ...info, providers: 1, data: { ...info.data, free: info.data.free + rao } });
  TotalIssuance.set(state, [], TotalIssuance.get(state) + rao);
}

/**
 * Takes rao from an account and out of existence (fees, burns, stake).
 *
 * @throws {DispatchFailure} `FundsUnavailable` if the account has less.
 */
export function withdraw(context: Context, account: AccountKey, rao: bigint): void {
  const free = freeBalance(context.state, account);
  if (free < rao) throw new DispatchFailure(null, "FundsUnavailable");
  setFree(context, account, free - rao);
  context.emit("Balances", "Withdraw", { who: account, amount: rao });
}

function transfer(context: Context, from: AccountKey, to: AccountKey, rao: bigint, keepAlive: boolean): void {
  const free = freeBalance(context.state, from);
  if (free < rao || rao < 0n) throw new DispatchFailure(null, "FundsUnavailable");
  if (from === to) return;
  if (keepAlive && free - rao < EXISTENTIAL_DEPOSIT) throw new DispatchFailure(null, "NotExpendable");
  if (freeBalance(context.state, to) + rao < EXISTENTIAL_DEPOSIT) throw new DispatchFailure(null, "BelowMinimum");
  setFree(context, from, free - rao);
  setFree(context, to, freeBalance(context.state, to) + rao);
  context.emit("Balances", "Transfer", { from, to, amount: rao });
}

/** Sets a balance, with the events of an account's birth and death. A dead account keeps its nonce: hotkeys need no balance. */
function setFree(context: Context, account: AccountKey, rao: bigint): void {
  const { state } = context;
  const info = Account.get(state, account);
  const isAlive = rao >= EXISTENTIAL_DEPOSIT;
  const free = isAlive ? rao : 0n;
  Account.set(state, [account], { ...info, providers: isAlive ? 1 : 0, data: { ...info.data, free } });
  TotalIssuance.set(state, [], TotalIssuance.get(state) + free - info.data.free);
  if (isAlive && info.providers === 0) {
    context.emit("System", "NewAccount", { account });
    context.emit("Balances", "Endowed", { account, free_balance: free });
  }
  if (!isAlive && info.providers > 0) {
    if (rao > 0n) context.emit("Balances", "DustLost", { account, amount: rao });
    context.emit("System", "KilledAccount", { account });
  }
}
