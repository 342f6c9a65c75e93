/** Devnet: a whole network on one machine. Its chain is embedded; roles run as processes and know nothing of it. */
export { type ChainOptions, type DevnetChain, type GenesisNeuron, type GenesisSubnet, type NeuronView, startChain } from "./chain/mod.ts";
