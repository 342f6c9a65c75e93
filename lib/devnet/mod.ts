/** Devnet: a whole network on one machine. Its chain is embedded; roles run as processes and know nothing of it. */
export { type ChainOptions, type DevnetChain, type GenesisNeuron, type GenesisSubnet, type NeuronView, startChain } from "./chain/mod.ts";
export { CHEATS, type CheatKind } from "./cheat_kinds.ts";
export { type Cheat, cheatOf, lie } from "./cheaters/mod.ts";
export { Devnet, type DevnetOptions } from "./network.ts";
export type { DevnetMiner, DevnetReport, DevnetValidator } from "./report.ts";
export type { RoleProcess, StartProcess } from "./supervise.ts";
