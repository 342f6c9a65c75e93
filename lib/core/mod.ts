/** Core: bytes, units, protocol constants, errors, clock and log. Imports nothing of ours. */
export * from "./brand.ts";
export * from "./bytes.ts";
export * from "./clock.ts";
export * from "./constants.ts";
export * from "./error.ts";
export * from "./log.ts";
export * from "./units.ts";
