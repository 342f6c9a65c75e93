/**
 * The stripes an audit visits (DESIGN section 5).
 *
 * Miner and validator must agree to the byte: changing the output is a protocol change. The chain runs over links only,
 * never over stripe roots: a root with one free leaf could be ground until the next stripe is one the cheat kept.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { DIGEST_BYTES, HOPS_PER_AUDIT, HOP_TAG, PIECES_PER_STRIPE, STRIPES_MAX, STRIPES_PER_CHUNK, assertBytes, assertInteger, concat, readU64le, u8, utf8 } from "../core/mod.ts";

/** Where one hop of an audit goes: the stripe to read and the link piece in it. */
export type Hop = { readonly stripeIndex: number; readonly linkIndex: number };

const HOP_TAG_BYTES = utf8(HOP_TAG);

/**
 * Draws one hop of an audit.
 *
 * @param nonce The audit's nonce, 32 bytes.
 * @param declarationDigest D of the declaration in force, 32 bytes.
 * @param hopIndex 0 to HOPS_PER_AUDIT − 1.
 * @param previousLink Digest of the link piece before, 32 bytes; empty only at hop 0.
 * @param stripeCount Stripes in the declared partition, 4 to STRIPES_MAX.
 * @throws {RangeError} If a length or a number is out of range.
 */
export function drawHop(nonce: Uint8Array, declarationDigest: Uint8Array, hopIndex: number, previousLink: Uint8Array, stripeCount: number): Hop {
  assertBytes(nonce, DIGEST_BYTES, "nonce");
  assertBytes(declarationDigest, DIGEST_BYTES, "declarationDigest");
  assertInteger(hopIndex, 0, HOPS_PER_AUDIT - 1, "hopIndex");
  assertBytes(previousLink, hopIndex === 0 ? 0 : DIGEST_BYTES, "previousLink");
  assertInteger(stripeCount, STRIPES_PER_CHUNK, STRIPES_MAX, "stripeCount");
  const digest = sha256(concat(HOP_TAG_BYTES, nonce, declarationDigest, u8(hopIndex), previousLink));
  // 64 bits modulo a count of at most 2^40 leave a bias under 2^-24, far below what 16 draws can show.
  return { stripeIndex: Number(readU64le(digest, 0) % BigInt(stripeCount)), linkIndex: digest[8]! % PIECES_PER_STRIPE };
}
