/** The errors SubtensorModule's calls here can end in, by their index in the real pallet. */
import { DispatchFailure } from "../../declare.ts";

export const ERRORS = {
  InvalidIpType: 1, InvalidIpAddress: 2, InvalidPort: 3, HotKeyNotRegisteredInSubNet: 4, HotKeyAccountNotExists: 5, HotKeyNotRegisteredInNetwork: 6,
  NonAssociatedColdKey: 7, NotEnoughStakeToSetWeights: 10, NotEnoughBalanceToStake: 12, NeuronNoValidatorPermit: 15, WeightVecNotEqualSize: 16,
  DuplicateUids: 17, UidVecContainInvalidOne: 18, WeightVecLengthIsLow: 19, HotKeyAlreadyRegisteredInSubNet: 21, SettingWeightsTooFast: 28,
  IncorrectWeightVersionKey: 29, ServingRateLimitExceeded: 30, UidsLengthExceedUidsInSubNet: 31, NetworkTxRateLimitExceeded: 32,
  SubNetRegistrationDisabled: 36, NotSubnetOwner: 40, RegistrationNotPermittedOnRootSubnet: 41, NoNeuronIdAvailable: 47, NoWeightsCommitFound: 50,
  InvalidRevealCommitHashNotMatch: 51, CommitRevealEnabled: 52, CommitRevealDisabled: 53,
  MechanismDoesNotExist: 73, SubnetNotExists: 75, TooManyUnrevealedCommits: 76, ExpiredWeightCommit: 77,
  RevealTooEarly: 78, CommittingWeightsTooFast: 80, AmountTooLow: 81, FirstEmissionBlockNumberAlreadySet: 87, NeedWaitingMoreBlocksToStarCall: 88,
  SubtokenDisabled: 93, AdminActionProhibitedDuringWeightsWindow: 108,
  IncorrectCommitRevealVersion: 111, CannotAffordLockCost: 116,
  // Newer than spec 393 (`test/devnet/newer.ts`).
  RegistrationPriceLimitExceeded: 140,
} as const;

/** A failure of SubtensorModule. */
export function fail(error: keyof typeof ERRORS): DispatchFailure {
  return new DispatchFailure("SubtensorModule", error);
}
