/**
 * Store: partitions on disk. How stake becomes partitions, the data and hashes files, filling with checkpoints, checking
 * and repairing, partition.json and the folder's lock.
 */
export { adviseSectors, allocationBudget, planAllocation, type Allotment, type SectorAdvice, type Share, type Space } from "./allocation.ts";
export { fillMemory, planFill, type FillPlan } from "./fill-plan.ts";
export { fillPartition, fillPartitions, type FillOptions, type FillProgress, type Sealer } from "./fill.ts";
export { hashesName, openHashes, readHashes, type HashesIdentity, type HashesRole } from "./hashes.ts";
export { storeIdentities, type StoreIdentity } from "./identities.ts";
export { folderHolder, lockFolder, type FolderHolder, type FolderLock } from "./lock.ts";
export { MANIFEST_NAME, readManifest, updateManifest, writeManifest, type ManifestEntry } from "./manifest.ts";
export { Partition, type Declared, type PartitionKey } from "./partition.ts";
export type { OwnDeclaration } from "./records.ts";
export type { UnitSource } from "./repair.ts";
export { describeDamage, scrubPartition, type Damage, type DamagedRoots, type DamagedStripe, type DamagedUnit, type ScrubOptions, type ScrubProgress, type ScrubResult } from "./scrub.ts";
export { Store, manifestEntry, openStore, storeFolder, type PlanOutcome, type StoreOptions, type StoreProblem } from "./store.ts";
