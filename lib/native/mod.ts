/**
 * The hot core: Argon2d units, SHA-256 trees, and the workers that seal. The only room with `bun:ffi`; the code behind it is
 * in `zig/`. Short calls are synchronous, long work is `SealPool`'s.
 */
export { dropFileCache, preallocate } from "./file.ts";
export { cpuLevel } from "./library.ts";
export { argon2d, merklePath, merkleRoot, pieceTree, saltedTree, stripeRoots, type Argon2dInputs } from "./kernels.ts";
export { sealMemoryBytes } from "./job.ts";
export { SealPool, type SealBatch, type UnitSpec } from "./pool.ts";
