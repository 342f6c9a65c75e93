/**
 * What the embedded chain declares or does that finney's spec 393 did not, each with its source. Everything else it
 * declares is held to `test/vectors/subtensor-393.json`.
 */
export type Newer = {
  /** Where it is declared (`<Pallet>.storage.<item>`, `<Api>.<method>`), or `rule:` for behaviour under old names. */
  what: string;
  source: string;
};

export const NEWER: readonly Newer[] = [
  { what: "SubtensorModule.storage.LastEpochBlock", source: "subtensor main 14bc6f9 (spec 425), pallets/subtensor/src/lib.rs; dynamic tempo, since spec 423" },
  { what: "SubtensorModule.storage.PendingEpochAt", source: "subtensor main, pallets/subtensor/src/coinbase/tempo_control.rs at 0c6f0df: 0 means none; trigger_epoch itself is not modelled" },
  { what: "SubtensorModule.storage.SubnetEpochIndex", source: "subtensor main 14bc6f9 (spec 425), pallets/subtensor/src/lib.rs" },
  { what: "SubtensorModule.calls.register_limit", source: "subtensor main, spec 448: sdk/python/bittensor/_generated/calls.py, index 134" },
  { what: "SubtensorModule.errors.RegistrationPriceLimitExceeded", source: "subtensor main, pallets/subtensor/src/macros/errors.rs; index of our own, clients read it from metadata" },
  { what: "SubnetInfoRuntimeApi.get_next_epoch_start_block", source: "subtensor main 14bc6f9 (spec 425), runtime API, Option<u64>; since spec 423" },
  { what: "rule: an epoch runs when block ≥ LastEpochBlock + tempo", source: "subtensor main 14bc6f9 (spec 425); 393 used (block + netuid + 1) mod (tempo + 1)" },
  { what: "rule: Burn decays with half-life 360 blocks and rises ×1.26 per registration", source: "subtensor main 14bc6f9 (spec 425), registration price; 393 adjusted it per interval and capped registrations per interval" },
];
