/**
 * The runtime's versions. The usual one is the recorded spec that every declaration is held to
 * (`test/vectors/subtensor-393.json`); an older one shows less, and an upgrade goes from any to a higher one.
 */
import { blake2AsU8a } from "@polkadot/util-crypto";

const api = (name: string, version: number): [Uint8Array, number] => [blake2AsU8a(name, 64), version];

/** The version unless another is asked for. */
export const SPEC_VERSION = 393;

/** What is the same in all of them. */
const RUNTIME = {
  spec_name: "node-subtensor",
  impl_name: "node-subtensor",
  authoring_version: 1,
  impl_version: 1,
  apis: [
    api("Core", 5), api("Metadata", 2), api("AccountNonceApi", 1), api("AuraApi", 1), api("TransactionPaymentApi", 4),
    api("SubnetInfoRuntimeApi", 1), api("SubnetRegistrationRuntimeApi", 1),
  ],
  transaction_version: 1,
  system_version: 1,
};

/** A runtime's version, complete. */
export function runtimeVersion(specVersion: number) {
  return { ...RUNTIME, spec_version: specVersion };
}

/** Calls and storage that a runtime before {@link SPEC_VERSION} does not show (facts 10). */
const NEWER_THAN_OLD: ReadonlySet<string> = new Set([
  "set_mechanism_weights", "commit_timelocked_weights", "commit_timelocked_mechanism_weights", "register_limit",
  "TimelockedWeightCommits", "CommitRevealWeightsVersion",
]);

/** Whether a runtime of this version declares a call or storage item. */
export function isDeclared(name: string, specVersion: number): boolean {
  return specVersion >= SPEC_VERSION || !NEWER_THAN_OLD.has(name);
}
