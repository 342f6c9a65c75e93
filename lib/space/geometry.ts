/**
 * Where everything lies: pieces, units, stripes and sectors of a partition (DESIGN section 4).
 *
 * Must agree with the native fill, which writes by the same rule. Changing any of it changes every commitment ever made.
 *
 * Piece j of unit u (counted within its sector) stands at position j × A + u of the sector, where A is the sector's unit
 * count; position p therefore holds piece p div A of unit p mod A. A stripe is 128 consecutive positions.
 */
import { CHUNK_BYTES, PIECES_PER_CHUNK, PIECES_PER_STRIPE, SEAL_PROFILE, STRIPES_MAX, STRIPES_PER_CHUNK, STRIPE_BYTES, assertInteger, type SealProfile } from "../core/mod.ts";

/** The shape of one partition, derived from nothing but its chunk count and the seal profile. */
export type Geometry = {
  readonly profile: SealProfile;
  /** n. */
  readonly chunkCount: number;
  /** r of every unit. */
  readonly chunksPerUnit: number;
  readonly unitCount: number;
  readonly sectorCount: number;
  readonly stripeCount: number;
  readonly byteLength: number;
};

/** One sector: units interleaved under one Merkle root. All but the last of a partition have the profile's full unit count. */
export type Sector = {
  readonly index: number;
  /** Index in the partition of the sector's first unit. */
  readonly firstUnit: number;
  /** A. */
  readonly unitCount: number;
  readonly chunksPerUnit: number;
  readonly piecesPerUnit: number;
  /** Leaves of the sector's Merkle tree: A × piecesPerUnit. */
  readonly pieceCount: number;
  /** Index in the partition of the sector's first stripe. */
  readonly firstStripe: number;
  readonly stripeCount: number;
  /** Place in the data file. */
  readonly byteOffset: number;
  readonly byteLength: number;
};

/** What one piece on disk is, as filler: a piece of a unit's memory. */
export type PieceOrigin = {
  /** Index of the unit in the partition. */
  readonly unitIndex: number;
  /** Index of the piece in the unit, counted in units of PIECE_BYTES from the start of its memory. */
  readonly pieceIndex: number;
};

/**
 * The shape of a partition.
 *
 * @param chunkCount n: 0 (nothing sealed), fewer than the profile's r (one unit of n chunks), or a multiple of it.
 * @throws {RangeError} If the chunk count is none of these, or makes more than STRIPES_MAX stripes.
 */
export function geometryOf(chunkCount: number, profile: SealProfile = SEAL_PROFILE): Geometry {
  assertInteger(chunkCount, 0, STRIPES_MAX / STRIPES_PER_CHUNK, "chunkCount");
  if (chunkCount !== wholeChunks(chunkCount, profile)) {
    throw new RangeError(`chunkCount: expected under ${profile.chunksPerUnit} or a multiple of it, got ${chunkCount}`);
  }
  const chunksPerUnit = chunkCount > 0 && chunkCount < profile.chunksPerUnit ? chunkCount : profile.chunksPerUnit;
  const unitCount = chunkCount / chunksPerUnit;
  return {
    profile,
    chunkCount,
    chunksPerUnit,
    unitCount,
    sectorCount: Math.ceil(unitCount / profile.unitsPerSector),
    stripeCount: chunkCount * STRIPES_PER_CHUNK,
    byteLength: chunkCount * CHUNK_BYTES,
  };
}

/** The largest chunk count a partition may have, of at most `chunkCount`: whole units, or one short one. */
export function wholeChunks(chunkCount: number, profile: SealProfile = SEAL_PROFILE): number {
  assertInteger(chunkCount, 0, STRIPES_MAX, "chunkCount");
  return chunkCount < profile.chunksPerUnit ? chunkCount : chunkCount - (chunkCount % profile.chunksPerUnit);
}

/**
 * One sector of a partition.
 *
 * @throws {RangeError} If the partition has no such sector.
 */
export function sectorAt(geometry: Geometry, sectorIndex: number): Sector {
  assertInteger(sectorIndex, 0, geometry.sectorCount - 1, "sectorIndex");
  const firstUnit = sectorIndex * geometry.profile.unitsPerSector;
  const unitCount = Math.min(geometry.profile.unitsPerSector, geometry.unitCount - firstUnit);
  const piecesPerUnit = geometry.chunksPerUnit * PIECES_PER_CHUNK;
  const firstStripe = firstUnit * geometry.chunksPerUnit * STRIPES_PER_CHUNK;
  const stripeCount = unitCount * geometry.chunksPerUnit * STRIPES_PER_CHUNK;
  return {
    index: sectorIndex,
    firstUnit,
    unitCount,
    chunksPerUnit: geometry.chunksPerUnit,
    piecesPerUnit,
    pieceCount: unitCount * piecesPerUnit,
    firstStripe,
    stripeCount,
    byteOffset: firstStripe * STRIPE_BYTES,
    byteLength: stripeCount * STRIPE_BYTES,
  };
}

/**
 * The sector a stripe belongs to.
 *
 * @param stripeIndex Index in the partition.
 * @throws {RangeError} If the partition has no such stripe.
 */
export function sectorOfStripe(geometry: Geometry, stripeIndex: number): Sector {
  assertInteger(stripeIndex, 0, geometry.stripeCount - 1, "stripeIndex");
  const stripesPerSector = geometry.profile.unitsPerSector * geometry.chunksPerUnit * STRIPES_PER_CHUNK;
  return sectorAt(geometry, Math.floor(stripeIndex / stripesPerSector));
}

/**
 * Which piece of which unit stands at a place of a sector.
 *
 * @param stripeInSector 0 to the sector's stripe count − 1.
 * @param pieceInStripe 0 to PIECES_PER_STRIPE − 1.
 */
export function pieceOrigin(sector: Sector, stripeInSector: number, pieceInStripe: number): PieceOrigin {
  assertInteger(stripeInSector, 0, sector.stripeCount - 1, "stripeInSector");
  assertInteger(pieceInStripe, 0, PIECES_PER_STRIPE - 1, "pieceInStripe");
  const position = stripeInSector * PIECES_PER_STRIPE + pieceInStripe;
  return { unitIndex: sector.firstUnit + (position % sector.unitCount), pieceIndex: Math.floor(position / sector.unitCount) };
}

/**
 * The position in its sector of a unit's piece; the inverse of `pieceOrigin`.
 *
 * @param unitInSector 0 to A − 1.
 * @param pieceIndex 0 to the unit's piece count − 1.
 */
export function piecePosition(sector: Sector, unitInSector: number, pieceIndex: number): number {
  assertInteger(unitInSector, 0, sector.unitCount - 1, "unitInSector");
  assertInteger(pieceIndex, 0, sector.piecesPerUnit - 1, "pieceIndex");
  return pieceIndex * sector.unitCount + unitInSector;
}
