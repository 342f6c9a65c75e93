/**
 * Validator: collects declarations, audits every miner of the subnet, checks units, scores by verified space and sets
 * weights once per tempo.
 *
 * Each miner has three loops of its own (declaration, ping, audit); unit checks go one at a time through one worker. All
 * that a score hangs on is in the miners' ledgers, so that a restart changes nothing. A chain that is away stops nothing
 * but weights.
 */
export { type OpenLedger, type ValidatorOptions, Validator } from "./validator.ts";
export type { MinerRow, ValidatorReport } from "./report.ts";
