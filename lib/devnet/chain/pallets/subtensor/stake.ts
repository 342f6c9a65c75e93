/**
 * Stake. Subnets here use the chain's stable mechanism (`SubnetMechanism` 0): one alpha costs one TAO, with no pool
 * and no slippage. Only the hotkey's total is kept, not the shares of its nominators.
 */
import { call, type Context, type Origin, signer } from "../../declare.ts";
import { type Account, AccountId, NetUid, TaoBalance, ZERO_ACCOUNT } from "../../primitives.ts";
import type { State, StateReader } from "../../state.ts";
import { EXISTENTIAL_DEPOSIT, freeBalance, withdraw } from "../balances.ts";
import { fail } from "./fail.ts";
import * as items from "./storage.ts";
import { ROOT_NETUID } from "./subnets.ts";

/** The least that can be staked at once, in rao. */
const STAKE_MIN = 2_000_000n;

/** Alpha of a hotkey on a subnet, its TAO on root, and S = alpha + root TAO × TaoWeight (facts 3.8); all in rao. */
export function stakeOf(state: StateReader, netuid: number, hotkey: Account): { alpha: bigint; tao: bigint; total: bigint } {
  const alpha = items.TotalHotkeyAlpha.get(state, hotkey, netuid);
  const tao = items.TotalHotkeyAlpha.get(state, hotkey, ROOT_NETUID);
  return { alpha, tao, total: alpha + (tao * items.TaoWeight.get(state)) / (2n ** 64n - 1n) };
}

/** Adds to a hotkey's stake on a subnet. */
export function creditStake(state: State, netuid: number, hotkey: Account, rao: bigint): void {
  if (rao > 0n) items.TotalHotkeyAlpha.set(state, [hotkey, netuid], items.TotalHotkeyAlpha.get(state, hotkey, netuid) + rao);
}

function addStake(context: Context, origin: Origin, hotkey: Account, netuid: number, rao: bigint): void {
  const { state } = context;
  const coldkey = signer(origin);
  if (!items.NetworksAdded.get(state, netuid)) throw fail("SubnetNotExists");
  if (netuid !== ROOT_NETUID && !items.SubtokenEnabled.get(state, netuid)) throw fail("SubtokenDisabled");
  if (rao < STAKE_MIN) throw fail("AmountTooLow");
  if (freeBalance(state, coldkey) < rao + EXISTENTIAL_DEPOSIT) throw fail("NotEnoughBalanceToStake");
  if (items.Owner.get(state, hotkey) === ZERO_ACCOUNT) throw fail("HotKeyAccountNotExists");
  withdraw(context, coldkey, rao);
  creditStake(state, netuid, hotkey, rao);
  items.TotalStake.set(state, [], items.TotalStake.get(state) + rao);
  context.emit("SubtensorModule", "StakeAdded", [coldkey, hotkey, rao, rao, netuid, 0n]);
}

export const stakeCalls = {
  add_stake: call(2, { hotkey: AccountId, netuid: NetUid, amount_staked: TaoBalance }, (context, origin, { hotkey, netuid, amount_staked }) =>
    addStake(context, origin, hotkey, netuid, amount_staked),
  ),
};
