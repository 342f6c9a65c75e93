/**
 * Miner: allocates by stake, fills partitions, serves the axon, announces it, declares what is sealed and answers audits;
 * and measures what this machine can do as one.
 */
export { findExternalAddress, parseExternalAddress } from "./address.ts";
export { OPEN_TO_REGISTERED, type CallerPolicy } from "./callers.ts";
export { type AllocationLimits, type AllocationPlan, planStore, sharesOf } from "./allocate.ts";
export { cpuLevel, type DiskMeasure, type Latency, type MachineMeaning, machineMeaning, measureDisk, measureUnit, type UnitTime } from "./measure.ts";
export { Miner, type MinerOptions, type ShownPartition } from "./miner.ts";
export type { MinerReport } from "./report.ts";
export { type SealingOptions, isWhole, planSealing, sealPartitions, unitsToSeal } from "./sealing.ts";
export type { Answering } from "./service.ts";
