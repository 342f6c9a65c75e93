/**
 * A small sealed partition in memory, for tests and simulations of audits: real geometry, interleaving, trees and
 * declaration; only the unit's content is cheap (AES-256-CTR keyed by the unit's inputs instead of Argon2d).
 */
import { createCipheriv, createHash } from "node:crypto";
import { CHUNK_BYTES, PIECE_BYTES, STRIPE_BYTES, concat, type SealProfile, type Ss58 } from "../../lib/core/mod.ts";
import { merklePath, merkleRoot, piecePosition, sealSeed, sectorAt, sectorOfStripe, unitSpec, type Geometry, type UnitSpec } from "../../lib/space/mod.ts";
import { declarationDigest, declaredGeometry, encodeDeclaration, type ComputeUnit, type Declaration, type StripeSource } from "../../lib/audit/mod.ts";
import { referenceHashes } from "../reference/stripe.ts";

export const MINER = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY" as Ss58;
export const VALIDATOR = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty" as Ss58;
export const GENESIS = new Uint8Array(32).fill(7);

/** Units of 1 MiB, three to a sector: no power of two, so that trees are lopsided. */
export const SMALL_PROFILE: SealProfile = { name: "small", chunksPerUnit: 1, unitsPerSector: 3, passChunks: 2 };

/** A partition with its bytes. */
export type TestPartition = {
  readonly declaration: Declaration;
  readonly declarationBytes: Uint8Array;
  readonly digest: Uint8Array;
  readonly geometry: Geometry;
  readonly profile: SealProfile;
  readonly data: Uint8Array;
  readonly source: StripeSource;
};

/** The content of a unit. */
export function fakeUnit(spec: UnitSpec): Uint8Array {
  const key = createHash("sha256").update(spec.password).update(spec.salt).digest();
  return new Uint8Array(createCipheriv("aes-256-ctr", key, new Uint8Array(16)).update(new Uint8Array(spec.chunks * CHUNK_BYTES)));
}

/** What a validator computes units with, to match `fakeUnit`. */
export const computeFakeUnit: ComputeUnit = async (spec, pieceIndexes) => {
  const unit = fakeUnit(spec);
  return { tag: tagOf(unit), pieces: pieceIndexes.map((index) => unit.slice(index * PIECE_BYTES, (index + 1) * PIECE_BYTES)) };
};

/** The other implementation's tag. */
export const confirmFakeTag = async (spec: UnitSpec): Promise<Uint8Array> => tagOf(fakeUnit(spec));

/**
 * Seals a partition.
 *
 * @param unitOf The content of a unit; a cheat gives another.
 */
export function makePartition(unitCount: number, profile: SealProfile = SMALL_PROFILE, serial = 1, unitOf: (spec: UnitSpec) => Uint8Array = fakeUnit): TestPartition {
  const draft: Declaration = {
    netuid: 1, genesisHash: GENESIS, miner: MINER, validator: VALIDATOR, serial, unitCount, chunksPerUnit: profile.chunksPerUnit, roots: [],
  };
  const geometry = declaredGeometry(draft, profile);
  const data = new Uint8Array(geometry.byteLength);
  for (let index = 0; index < geometry.sectorCount; index++) {
    const sector = sectorAt(geometry, index);
    for (let u = 0; u < sector.unitCount; u++) {
      const unit = unitOf(unitSpec(sealSeed(MINER, VALIDATOR), 1, sector.firstUnit + u, sector.chunksPerUnit, profile));
      for (let j = 0; j < sector.piecesPerUnit; j++) {
        data.set(unit.subarray(j * PIECE_BYTES, (j + 1) * PIECE_BYTES), sector.byteOffset + piecePosition(sector, u, j) * PIECE_BYTES);
      }
    }
  }
  const stripeAt = (index: number) => data.subarray(index * STRIPE_BYTES, (index + 1) * STRIPE_BYTES);
  const stripeRoots = Array.from({ length: geometry.stripeCount }, (_, i) => referenceHashes.pieceTree(stripeAt(i)).slice(-32));
  const rootsOfSector = (index: number) => {
    const { firstStripe, stripeCount } = sectorAt(geometry, index);
    return concat(...stripeRoots.slice(firstStripe, firstStripe + stripeCount));
  };
  const declaration = { ...draft, roots: Array.from({ length: geometry.sectorCount }, (_, i) => merkleRoot(rootsOfSector(i))) };
  const declarationBytes = encodeDeclaration(declaration, profile);
  const source: StripeSource = {
    stripeCount: geometry.stripeCount,
    readStripe: async (index) => stripeAt(index).slice(),
    commitmentPath: async (index) => {
      const sector = sectorOfStripe(geometry, index);
      return merklePath(rootsOfSector(sector.index), index - sector.firstStripe);
    },
  };
  return { declaration, declarationBytes, digest: declarationDigest(declarationBytes), geometry, profile, data, source };
}

function tagOf(unit: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(unit).digest());
}
