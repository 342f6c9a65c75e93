/**
 * The chain's refusals in words, each with what to do about it.
 *
 * Three surfaces (facts 3.12): the dispatch error of an included extrinsic, named by the runtime's metadata; the pool's
 * "1010 Invalid Transaction" with a custom code (`common/src/transaction_error.rs`); and the pool's own faults.
 */
import { BtstoreError, describeError, type ErrorCode } from "../core/mod.ts";
import { RpcRefusal } from "./socket.ts";

const REGISTER = 'register it with "btstore register"';

/** Dispatch errors by name. What is not here is told by name alone. */
const SENTENCES: Readonly<Record<string, string>> = {
  // Registration, facts 3.4.
  RegistrationNotPermittedOnRootSubnet: "nobody registers on subnet 0 this way; choose another --netuid",
  SubnetNotExists: "this subnet does not exist on this chain; check --netuid and --subtensor.network",
  SubNetRegistrationDisabled: "the subnet's owner has closed registration; try again later or ask the owner",
  HotKeyAlreadyRegisteredInSubNet: "the hotkey is registered on this subnet already; nothing is to be done",
  NotEnoughBalanceToStake: "the coldkey's balance does not cover the price; send TAO to it",
  NonAssociatedColdKey: "the hotkey belongs to another coldkey; use the coldkey that registered it first, or a new hotkey",
  NoNeuronIdAvailable: "every place of the subnet is taken and none can be given up yet; try again when an immunity period has ended",
  RegistrationPriceLimitExceeded: "the price rose above the limit that was agreed to; look at the price and try again",
  TooManyRegistrationsThisBlock: "too many registrations in this block; try again in the next one",
  TooManyRegistrationsThisInterval: "too many registrations in this interval; try again in some minutes",
  FundsUnavailable: "the coldkey's balance does not cover it; send TAO to the coldkey",
  InsufficientBalance: "the coldkey's balance does not cover it; send TAO to the coldkey",
  // Serving, facts 3.5.
  HotKeyNotRegisteredInNetwork: `the hotkey is not registered on this subnet; ${REGISTER}`,
  InvalidIpType: "the chain takes IPv4 and IPv6 addresses only",
  InvalidIpAddress: "the chain refuses this IP address; give one that others can reach with --axon.external_ip",
  InvalidPort: "the chain refuses this port; give another with --axon.external_port",
  ServingRateLimitExceeded: "the axon was announced too short a time ago; it is announced again when the subnet's serving rate limit allows",
  // Weights, facts 3.10.
  CommitRevealEnabled: "commit-reveal has just been turned on here; the weights are committed to at the next attempt",
  CommitRevealDisabled: "commit-reveal has just been turned off here; the weights are set directly at the next attempt",
  WeightVecNotEqualSize: "as many weights as uids are needed",
  MechanismDoesNotExist: "the subnet has no such mechanism",
  UidsLengthExceedUidsInSubNet: "more weights than the subnet has neurons; read the metagraph again",
  HotKeyNotRegisteredInSubNet: `the hotkey is not registered on this subnet; ${REGISTER}`,
  NotEnoughStakeToSetWeights: "the hotkey has too little stake to set weights; add stake to it",
  IncorrectWeightVersionKey: "the subnet wants a newer version of its validators; update btstore",
  SettingWeightsTooFast: "weights were set too short a time ago; they are set again when the subnet's rate limit allows",
  CommittingWeightsTooFast: "weights were committed too short a time ago; they are committed again when the subnet's rate limit allows",
  NeuronNoValidatorPermit: "the hotkey has no validator permit; it takes enough stake and one epoch",
  DuplicateUids: "a uid is named twice",
  UidVecContainInvalidOne: "a uid is not on the subnet any more; read the metagraph again",
  WeightVecLengthIsLow: "the subnet wants weights for more neurons than have any",
  TooManyUnrevealedCommits: "too many weight commits wait to be revealed; wait for the next epoch",
  IncorrectCommitRevealVersion: "the subnet wants another version of commit-reveal; update btstore",
  RevealTooEarly: "the commit cannot be revealed yet; wait for the next epoch",
  ExpiredWeightCommit: "the time to reveal the commit is over; commit again",
  InvalidRevealCommitHashNotMatch: "the revealed weights are not those that were committed",
  NoWeightsCommitFound: "there is no commit to reveal",
  // Around them.
  SubtokenDisabled: "the subnet has not been started yet; its owner starts it",
  AmountTooLow: "the amount is below the chain's minimum",
  NetworkTxRateLimitExceeded: "too many calls of this kind; try again later",
  TxRateLimitExceeded: "too many calls of this kind; try again later",
  CannotAffordLockCost: "the coldkey's balance does not cover the lock for a new subnet; send TAO to it",
  NeedWaitingMoreBlocksToStarCall: "the subnet is too young to be started; try again some blocks later",
  FirstEmissionBlockNumberAlreadySet: "the subnet has been started already; nothing is to be done",
  InvalidRevealRound: "the weights waited so long that their round is over; they are committed anew at the next attempt",
  InputLengthsUnequal: "as many weights as uids are needed",
  AdminActionProhibitedDuringWeightsWindow: "settings cannot be changed shortly before an epoch; try again after it",
  CallDisabled: "the chain has switched this call off",
  Deprecated: "the chain has dropped this call; update btstore",
  DisabledTemporarily: "the chain has switched this call off for now; try again later",
  BadOrigin: "this key may not make this call",
};

/** Custom codes of the pool, by the dispatch error or the sentence they stand for. */
const POOL_CODES: Readonly<Record<number, string>> = {
  0: "the coldkey is being swapped; wait until the swap has ended",
  1: "the stake is too low for this (to set weights, add stake to the hotkey)",
  2: "the balance is too low; send TAO to the coldkey",
  3: SENTENCES["SubnetNotExists"]!,
  4: "the chain does not know this hotkey; register it first",
  5: "there is not enough stake to withdraw",
  6: "the rate limit is not over yet; try again some blocks later",
  7: "the subnet's pool holds too little for this",
  8: "the price would move further than was agreed to",
  9: "transfers are switched off on this subnet",
  10: SENTENCES["HotKeyNotRegisteredInNetwork"]!,
  11: SENTENCES["InvalidIpAddress"]!,
  12: SENTENCES["ServingRateLimitExceeded"]!,
  13: SENTENCES["InvalidPort"]!,
  14: "the amount would be nothing",
  15: "the weights waited so long that their round is over; they are committed anew at the next attempt",
  16: SENTENCES["NoWeightsCommitFound"]!,
  17: SENTENCES["RevealTooEarly"]!,
  18: SENTENCES["WeightVecNotEqualSize"]!,
  19: SENTENCES["UidVecContainInvalidOne"]!,
  20: "an EVM key was associated too short a time ago; try again later",
  21: "the swap of the coldkey is disputed; it can do nothing until that is settled",
  22: "the account that is acted for is none that this key may act for",
  23: "the shielded call cannot be read; send it unshielded",
  24: "the shielded call was made for a key that is no longer in force; send it again",
  25: SENTENCES["NonAssociatedColdKey"]!,
  26: "the delegate's take is below the minimum",
  27: "the delegate's take is above the maximum",
  255: "the chain refuses the call in its present state, without saying why",
};

/** The pool's own faults, looked for in its text. The first that fits decides. */
const POOL_TEXTS: readonly (readonly [pattern: RegExp, sentence: string])[] = [
  [/payment|inability to pay/i, "the signer's balance does not cover the fee; send TAO to it"],
  [/bad ?proof|bad signature/i, "the chain does not accept the signature; the runtime may just have been upgraded, try again"],
  [/stale|outdated/i, "another call of the same key came first; try again"],
  [/ancient birth/i, "the call waited too long before it was sent; try again"],
  [/future/i, "an earlier call of the same key is still on its way; try again"],
  [/exhausts/i, "the block is full; try again in the next one"],
  [/priority is too low|already imported|usurped/i, "another call of the same key is on its way; wait for its block"],
  [/banned/i, "the same call was refused a short time ago; try again in some minutes"],
];

const UNREGISTERED: ReadonlySet<string> = new Set(["HotKeyNotRegisteredInNetwork", "HotKeyNotRegisteredInSubNet"]);

/** A dispatch error by its name in the metadata. */
export function dispatchRefusal(action: string, name: string): BtstoreError {
  const sentence = Object.hasOwn(SENTENCES, name) ? SENTENCES[name]! : "the chain gave no other reason";
  return refusal(UNREGISTERED.has(name) ? "not_registered" : "chain_refused", action, `${sentence} (${name})`);
}

/** What sending an extrinsic threw, as one of ours. */
export function sendFault(action: string, error: unknown): BtstoreError {
  if (error instanceof BtstoreError && error.message.startsWith(`${action}: `)) return error;
  if (error instanceof BtstoreError) return new BtstoreError(error.code, `${action}: ${error.message}`, { cause: error });
  const text = describeError(error);
  const custom = /custom error: ?(\d+)/i.exec(text);
  if (custom) {
    const code = Number(custom[1]);
    const sentence = POOL_CODES[code] ?? "the chain gave no other reason";
    return refusal(code === 10 ? "not_registered" : "chain_refused", action, `${sentence} (custom error ${code})`, error);
  }
  const known = error instanceof RpcRefusal ? POOL_TEXTS.find(([pattern]) => pattern.test(text)) : undefined;
  return refusal(error instanceof RpcRefusal ? "chain_refused" : "chain", action, known?.[1] ?? text, error);
}

/** The pool took a call in and threw it out again: it is in no block and will be in none. */
export class ThrownOut extends BtstoreError {
  constructor(readonly status: "dropped" | "invalid") {
    super("chain_refused", `the chain's pool reports it as ${status}; try again`);
  }
}

/** Whether a second attempt, signed anew, may succeed: the runtime or the nonce changed under the first. */
export function isWorthSigningAgain(error: unknown): boolean {
  // What was valid and is no more waited there when the runtime was upgraded.
  if (error instanceof ThrownOut) return error.status === "invalid";
  return error instanceof RpcRefusal && !/custom error/i.test(error.message) && /bad ?proof|bad signature|outdated|stale|ancient birth/i.test(error.message);
}

function refusal(code: ErrorCode, action: string, reason: string, cause?: unknown): BtstoreError {
  return new BtstoreError(code, `${action}: ${reason}`, { cause });
}
