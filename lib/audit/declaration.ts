/**
 * What a miner says it holds for one validator: canonical bytes, their digest D, and the rules of a well-formed one.
 *
 * Layout, little-endian: DECLARATION_TAG ‖ u16 netuid ‖ genesis hash (32) ‖ miner (48, SS58 as ASCII) ‖ validator (48) ‖
 * u64 serial ‖ u32 units ‖ u16 r ‖ u32 root count ‖ roots (32 each). It can never change under the same tag: D names it in
 * every audit. The miner signs `declarationMessage`, so that the signature can stand for nothing else.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import {
  DECLARATION_ROOTS_MAX, DECLARATION_TAG, DIGEST_BYTES, SEAL_PROFILE, SIGNATURE_BYTES, assertBytes, assertInteger, concat, equalBytes, readU16le, readU32le, readU64le,
  u16le, u32le, u64le, utf8, type SealProfile, type Ss58,
} from "../core/mod.ts";
import { geometryOf, type Geometry } from "../space/mod.ts";

export type Declaration = {
  readonly netuid: number;
  /** Of the chain, 32 bytes. */
  readonly genesisHash: Uint8Array;
  readonly miner: Ss58;
  readonly validator: Ss58;
  /** Grows with every declaration for this validator; 0 to 2^53 − 1. */
  readonly serial: number;
  /** Sealed units, from unit 0 on; 0 while nothing is sealed. */
  readonly unitCount: number;
  /** r: the profile's, unless there is exactly one unit. */
  readonly chunksPerUnit: number;
  /** Roots of the sectors in order, 32 bytes each. */
  readonly roots: readonly Uint8Array[];
};

/** A declaration as it travels and is kept: the canonical bytes and the miner's signature over `declarationMessage`. */
export type SignedDeclaration = { readonly bytes: Uint8Array; readonly signature: Uint8Array };

/** Whether a signature over a message was made by the key of an address. Given by the caller: this room knows no keys. */
export type VerifySignature = (message: Uint8Array, signature: Uint8Array, signer: Ss58) => boolean;

/** Why a declaration is not taken. The ledger adds the rules of serial and rate. */
export type DeclarationFault = "malformed" | "other_network" | "other_miner" | "other_validator" | "bad_signature";

const TAG = utf8(DECLARATION_TAG);
const SIGNATURE_TAG = utf8("btstore-declaration-signature1");
const SS58_BYTES = 48;
const HEAD_BYTES = TAG.length + 2 + DIGEST_BYTES + 2 * SS58_BYTES + 8 + 4 + 2 + 4;

/** Longest signed declaration, in bytes: what a validator reads at most. */
export const SIGNED_DECLARATION_BYTES_MAX = HEAD_BYTES + DECLARATION_ROOTS_MAX * DIGEST_BYTES + SIGNATURE_BYTES;

/**
 * The canonical bytes.
 *
 * @throws {RangeError} If a field is out of range, or the roots do not fit units and r under the profile.
 */
export function encodeDeclaration(declaration: Declaration, profile: SealProfile = SEAL_PROFILE): Uint8Array {
  const { netuid, genesisHash, miner, validator, serial, unitCount, chunksPerUnit, roots } = declaration;
  assertBytes(genesisHash, DIGEST_BYTES, "genesisHash");
  assertBytes(utf8(miner), SS58_BYTES, "miner");
  assertBytes(utf8(validator), SS58_BYTES, "validator");
  assertInteger(serial, 0, Number.MAX_SAFE_INTEGER, "serial");
  for (const root of roots) assertBytes(root, DIGEST_BYTES, "root");
  if (!isConsistent(unitCount, chunksPerUnit, roots.length, profile)) {
    throw new RangeError(`declaration: expected roots and r that fit the units, got ${roots.length} roots, r ${chunksPerUnit}, ${unitCount} units`);
  }
  return concat(
    TAG, u16le(netuid), genesisHash, utf8(miner), utf8(validator), u64le(serial), u32le(unitCount), u16le(chunksPerUnit), u32le(roots.length), ...roots,
  );
}

/**
 * Reads canonical bytes from a peer.
 *
 * The addresses are checked for length and alphabet only: they are to be compared with known ones (`openDeclaration`).
 *
 * @returns null if they are malformed in any way, trailing bytes included.
 */
export function decodeDeclaration(bytes: Uint8Array, profile: SealProfile = SEAL_PROFILE): Declaration | null {
  if (bytes.length < HEAD_BYTES || bytes.length > SIGNED_DECLARATION_BYTES_MAX - SIGNATURE_BYTES) return null;
  if (!equalBytes(bytes.subarray(0, TAG.length), TAG)) return null;
  let offset = TAG.length;
  const skip = (length: number): number => (offset += length) - length;
  const netuid = readU16le(bytes, skip(2));
  const genesisHash = bytes.slice(skip(DIGEST_BYTES), offset);
  const miner = addressText(bytes.subarray(skip(SS58_BYTES), offset));
  const validator = addressText(bytes.subarray(skip(SS58_BYTES), offset));
  const serial = Number(readU64le(bytes, skip(8)));
  const unitCount = readU32le(bytes, skip(4));
  const chunksPerUnit = readU16le(bytes, skip(2));
  const rootCount = readU32le(bytes, skip(4));
  if (miner === null || validator === null || !Number.isSafeInteger(serial)) return null;
  if (!isConsistent(unitCount, chunksPerUnit, rootCount, profile) || bytes.length !== HEAD_BYTES + rootCount * DIGEST_BYTES) return null;
  const roots = Array.from({ length: rootCount }, () => bytes.slice(skip(DIGEST_BYTES), offset));
  return { netuid, genesisHash, miner, validator, serial, unitCount, chunksPerUnit, roots };
}

/** D: SHA-256 of the canonical bytes. */
export function declarationDigest(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}

/** What the miner signs: the domain "btstore-declaration-signature1" in ASCII, then D. */
export function declarationMessage(bytes: Uint8Array): Uint8Array {
  return concat(SIGNATURE_TAG, declarationDigest(bytes));
}

/** The shape of the declared partition. */
export function declaredGeometry(declaration: Declaration, profile: SealProfile = SEAL_PROFILE): Geometry {
  return geometryOf(declaration.unitCount * declaration.chunksPerUnit, profile);
}

/** Canonical bytes, then the signature. */
export function encodeSignedDeclaration(signed: SignedDeclaration): Uint8Array {
  assertBytes(signed.signature, SIGNATURE_BYTES, "signature");
  return concat(signed.bytes, signed.signature);
}

/** Splits what `encodeSignedDeclaration` joined; null if it is too short or too long to be one. Nothing else is checked. */
export function decodeSignedDeclaration(body: Uint8Array): SignedDeclaration | null {
  if (body.length < HEAD_BYTES + SIGNATURE_BYTES || body.length > SIGNED_DECLARATION_BYTES_MAX) return null;
  return { bytes: body.slice(0, -SIGNATURE_BYTES), signature: body.slice(-SIGNATURE_BYTES) };
}

/**
 * Reads a signed declaration from a peer and checks that it is the expected miner's, for this validator and network.
 *
 * @param expected Who and where it must be for.
 * @returns The declaration, or the first fault in the order of `DeclarationFault`; the signature is checked last.
 */
export function openDeclaration(
  signed: SignedDeclaration,
  expected: Pick<Declaration, "netuid" | "genesisHash" | "miner" | "validator">,
  verifySignature: VerifySignature,
  profile: SealProfile = SEAL_PROFILE,
): { kind: "ok"; declaration: Declaration } | { kind: "refused"; fault: DeclarationFault } {
  const declaration = decodeDeclaration(signed.bytes, profile);
  if (declaration === null || signed.signature.length !== SIGNATURE_BYTES) return { kind: "refused", fault: "malformed" };
  if (declaration.netuid !== expected.netuid || !equalBytes(declaration.genesisHash, expected.genesisHash)) return { kind: "refused", fault: "other_network" };
  if (declaration.miner !== expected.miner) return { kind: "refused", fault: "other_miner" };
  if (declaration.validator !== expected.validator) return { kind: "refused", fault: "other_validator" };
  if (!verifySignature(declarationMessage(signed.bytes), signed.signature, expected.miner)) return { kind: "refused", fault: "bad_signature" };
  return { kind: "ok", declaration };
}

function isConsistent(unitCount: number, chunksPerUnit: number, rootCount: number, profile: SealProfile): boolean {
  const isFullWidth = chunksPerUnit === profile.chunksPerUnit;
  const isShortUnit = unitCount === 1 && chunksPerUnit >= 1 && chunksPerUnit < profile.chunksPerUnit;
  return (isFullWidth || isShortUnit) && rootCount <= DECLARATION_ROOTS_MAX && rootCount === Math.ceil(unitCount / profile.unitsPerSector);
}

/** 48 characters of the base58 alphabet; null if there is another. */
function addressText(bytes: Uint8Array): Ss58 | null {
  const text = String.fromCharCode(...bytes);
  return /^[1-9A-HJ-NP-Za-km-z]{48}$/.test(text) ? (text as Ss58) : null;
}
