/**
 * Validator: collects declarations, audits every miner of the subnet, checks units, scores by verified space and sets
 * weights once per tempo.
 *
 * Each miner has three loops of its own (declaration, ping, audit); unit checks go one at a time through one worker. All
 * that a score hangs on is in the miners' ledgers, so that a restart changes nothing. A chain that is away stops nothing
 * but weights.
 */
export { type AllocatedMiner, allocateHashes } from "./allocate.ts";
export { type Ledgers, openLedgers } from "./ledgers.ts";
export type { MinerRow, ValidatorReport } from "./report.ts";
export { openUnitComputer, type UnitComputer } from "./units.ts";
export { Validator, type ValidatorOptions } from "./validator.ts";
export { type MinerView, type ValidatorView, viewLedgers } from "./view.ts";
