/**
 * Chain: a subtensor client. One socket, heads by subscription, the metagraph, the calls a miner and a validator make,
 * and every refusal of the chain in words.
 */
export type { AxonAnnouncement, RegistrationQuote } from "./calls.ts";
export type { Chain, ConnectOptions } from "./client.ts";
export { connectChain } from "./client.ts";
export type { Head } from "./link.ts";
export type { Axon, Metagraph, Neuron } from "./metagraph.ts";
export { chainEndpoints } from "./networks.ts";
export { openTimelock, pointOfRound } from "./timelock.ts";
export type { Weight, WeightsOutcome } from "./weights.ts";
export type { SubnetWeights, WeightsRow } from "./weights_view.ts";
