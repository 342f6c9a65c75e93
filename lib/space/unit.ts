/**
 * What a unit is computed from (DESIGN section 4): the inputs of one Argon2d run, RFC 9106.
 *
 * Must agree between miner and validator to the byte, and can never change: it is what all sealed filler is made of.
 */
import { SEAL_PROFILE, UNIT_SALT_TAG, assertInteger, concat, u16le, u32le, utf8, type SealProfile, type Ss58 } from "../core/mod.ts";

/** Inputs of one Argon2d run (version 0x13, one lane, `chunks` MiB, tag of 32 bytes). The unit is its final memory. */
export type UnitSpec = {
  /** UTF-8 of the seed. */
  readonly password: Uint8Array;
  /** 16 bytes: UNIT_SALT_TAG ‖ u16 netuid ‖ u32 unit index ‖ u16 r. */
  readonly salt: Uint8Array;
  /** r: m = r × 1024 KiB. */
  readonly chunks: number;
  /** t. */
  readonly passes: number;
};

/** The partition's seed: the miner's address, then the validator's, nothing between. Keyed by both, no copy serves two. */
export function sealSeed(owner: Ss58, validator: Ss58): string {
  return owner + validator;
}

/** Passes over a unit of `chunks` chunks, so that a short unit costs about as much to recompute as a full one. */
export function passesOf(chunks: number, profile: SealProfile = SEAL_PROFILE): number {
  assertInteger(chunks, 1, profile.chunksPerUnit, "chunks");
  return Math.ceil(profile.passChunks / chunks);
}

/**
 * The inputs of one unit.
 *
 * @param seed `sealSeed` of the partition.
 * @param netuid 0 to 65,535.
 * @param unitIndex Index in the partition, 0 to 2^32 − 1.
 * @param chunks r of the partition's units, 1 to the profile's.
 */
export function unitSpec(seed: string, netuid: number, unitIndex: number, chunks: number, profile: SealProfile = SEAL_PROFILE): UnitSpec {
  return {
    password: utf8(seed),
    salt: concat(utf8(UNIT_SALT_TAG), u16le(netuid), u32le(unitIndex), u16le(chunks)),
    chunks,
    passes: passesOf(chunks, profile),
  };
}
