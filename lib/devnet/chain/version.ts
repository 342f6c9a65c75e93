/** The runtime's version: the recorded spec that every declaration is held to (`test/vectors/subtensor-393.json`). */
import { blake2AsU8a } from "@polkadot/util-crypto";

const api = (name: string, version: number): [Uint8Array, number] => [blake2AsU8a(name, 64), version];

export const RUNTIME_VERSION = {
  spec_name: "node-subtensor",
  impl_name: "node-subtensor",
  authoring_version: 1,
  spec_version: 393,
  impl_version: 1,
  apis: [
    api("Core", 5), api("Metadata", 2), api("AccountNonceApi", 1), api("AuraApi", 1), api("TransactionPaymentApi", 4),
    api("SubnetInfoRuntimeApi", 1), api("SubnetRegistrationRuntimeApi", 1),
  ],
  transaction_version: 1,
  system_version: 1,
};
