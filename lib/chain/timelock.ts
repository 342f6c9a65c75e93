/**
 * Timelock encryption as the chain reads it: identity-based encryption over a drand beacon whose signatures lie in G1 and
 * whose public key lies in G2 (facts 3.11; `tle` of ideal-lab5, revision 5416406). Whoever holds the beacon's signature of
 * the round can decrypt, nobody before.
 *
 * Byte for byte what `bittensor-drand` makes and the runtime decodes; a change here is refused by the chain in silence,
 * because what it cannot decrypt it drops.
 */
import { gcm } from "@noble/ciphers/aes.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { assertBytes, concat, equalBytes, readU64le, toHex, u64le, utf8 } from "../core/mod.ts";

/** RFC 9380 suite under which the beacon signs, as drand's `bls-unchained-g1-rfc9380`. */
const SIGNATURE_DST = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

const ALGORITHM = utf8("AES_GCM_");

/** Bytes of a compressed G2 point, of a key and of an AES-GCM nonce. */
const POINT_BYTES = 96;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;

const { Fp, Fp12, Fr } = bls12_381.fields;
const G1 = bls12_381.G1.Point;
const G2 = bls12_381.G2.Point;

/** What encryption draws: two secrets of 32 bytes and a nonce of 12. Given by tests alone. */
export type TimelockDraws = { readonly seed: Uint8Array; readonly key: Uint8Array; readonly nonce: Uint8Array };

/**
 * Encrypts a payload for one round of a beacon.
 *
 * @param payload Any length.
 * @param round The beacon's round, from 1.
 * @param publicKey The beacon's, 96 bytes, compressed G2.
 * @returns The bytes of a `commit`: 244 more than the payload.
 * @throws {Error} If the public key is no point of the group.
 */
export function sealTimelock(payload: Uint8Array, round: number, publicKey: Uint8Array, draws: TimelockDraws = drawAll()): Uint8Array {
  assertBytes(publicKey, POINT_BYTES, "publicKey");
  const { seed, key, nonce } = draws;
  const sigma = sha256(seed);
  const scalar = Fr.create(readBigEndian(sha256(concat(sigma, key))));
  const beacon = G2.fromBytes(publicKey);
  beacon.assertValidity();
  const shared = bls12_381.pairing(pointOfRound(round), beacon.multiply(scalar));
  const point = G2.BASE.multiply(scalar).toBytes(true);
  const masked = [xor(sigma, maskOf(shared)), xor(key, sha256(sigma))];
  const cipher = gcm(key, nonce).encrypt(payload);
  const body = concat(sized(cipher), sized(nonce));
  return concat(point, ...masked.map(sized), u64le(body.length), body, sized(ALGORITHM));
}

/**
 * Decrypts a commit.
 *
 * @param signature The beacon's signature of the round it was made for, 48 bytes, compressed G1.
 * @returns The payload; null if the bytes are no commit, or not for this round.
 */
export function openTimelock(commit: Uint8Array, signature: Uint8Array): Uint8Array | null {
  const read = fieldsOf(commit);
  if (read === null) return null;
  const { point, maskedSigma, maskedKey, cipher, nonce } = read;
  try {
    const shared = bls12_381.pairing(G1.fromBytes(signature), G2.fromBytes(point));
    const sigma = xor(maskedSigma, maskOf(shared));
    return gcm(xor(maskedKey, sha256(sigma)), nonce).decrypt(cipher);
  } catch {
    return null;
  }
}

/**
 * What a beacon signs for a round.
 *
 * @param round From 1.
 */
export function pointOfRound(round: number) {
  return bls12_381.G1.hashToCurve(sha256(u64le(round).toReversed()), { DST: SIGNATURE_DST });
}

function fieldsOf(commit: Uint8Array) {
  const at = { offset: POINT_BYTES };
  const take = (): Uint8Array | null => {
    if (at.offset + 8 > commit.length) return null;
    const length = readU64le(commit, at.offset);
    if (length > BigInt(commit.length - at.offset - 8)) return null;
    at.offset += 8 + Number(length);
    return commit.subarray(at.offset - Number(length), at.offset);
  };
  const [maskedSigma, maskedKey, length] = [take(), take(), commit.length >= at.offset + 8 ? readU64le(commit, at.offset) : null];
  const bodyAt = at.offset + 8;
  at.offset = bodyAt;
  const [cipher, nonce] = [take(), take()];
  if (!maskedSigma || !maskedKey || length === null || !cipher || !nonce || BigInt(at.offset - bodyAt) !== length) return null;
  const algorithm = take();
  if (!algorithm || !equalBytes(algorithm, ALGORITHM) || at.offset !== commit.length) return null;
  if (maskedSigma.length !== KEY_BYTES || maskedKey.length !== KEY_BYTES || nonce.length !== NONCE_BYTES) return null;
  return { point: commit.subarray(0, POINT_BYTES), maskedSigma, maskedKey, cipher, nonce };
}

/** The digest of a pairing's value as arkworks writes it: noble's coefficients, each of the twelve the other way round. */
function maskOf(shared: Parameters<typeof Fp12.toBytes>[0]): Uint8Array {
  const bytes = Fp12.toBytes(shared);
  return sha256(concat(...Array.from({ length: 12 }, (_, i) => bytes.slice(i * Fp.BYTES, (i + 1) * Fp.BYTES).reverse())));
}

function drawAll(): TimelockDraws {
  const draw = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  return { seed: draw(KEY_BYTES), key: draw(KEY_BYTES), nonce: draw(NONCE_BYTES) };
}

function xor(left: Uint8Array, right: Uint8Array): Uint8Array {
  return left.map((byte, i) => byte ^ right[i]!);
}

/** Bytes behind their length in eight. */
function sized(bytes: Uint8Array): Uint8Array {
  return concat(u64le(bytes.length), bytes);
}

function readBigEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`);
}
