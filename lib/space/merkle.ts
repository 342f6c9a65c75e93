/**
 * Merkle trees after RFC 9162 section 2.1 over SHA-256: leaf SHA-256(0x00 ‖ data), node SHA-256(0x01 ‖ left ‖ right),
 * split at the largest power of two below the count.
 *
 * Roots and paths work on digests, never on data, so that a tree can be cut at any level: stripe roots are inner nodes of
 * a sector's tree. Everything is @noble; the miner's hot path uses the native core, which is held to this by tests.
 * A path lists siblings from leaf to root, 32 bytes each.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { DIGEST_BYTES, assertBytes, assertInteger, concat } from "../core/mod.ts";

/** Most leaves of one tree; a full sector has 2^21. */
const LEAVES_MAX = 2 ** 30;

const LEAF_PREFIX = Uint8Array.of(0);

/** Digest of a leaf: SHA-256(0x00 ‖ piece). */
export function leafHash(piece: Uint8Array): Uint8Array {
  return sha256(concat(LEAF_PREFIX, piece));
}

/**
 * Digest of a leaf salted with an audit's nonce: SHA-256(0x00 ‖ nonce ‖ piece). The nonce comes before the piece, or a
 * stored 32-byte midstate could stand in for it.
 *
 * @param nonce 32 bytes.
 */
export function saltedLeafHash(nonce: Uint8Array, piece: Uint8Array): Uint8Array {
  assertBytes(nonce, DIGEST_BYTES, "nonce");
  return sha256(concat(LEAF_PREFIX, nonce, piece));
}

/** Digest of an inner node: SHA-256(0x01 ‖ left ‖ right), each 32 bytes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const message = new Uint8Array(1 + 2 * DIGEST_BYTES);
  message[0] = 1;
  message.set(left, 1);
  message.set(right, 1 + DIGEST_BYTES);
  return sha256(message);
}

/**
 * Root over node digests in order. They are taken as they are, not hashed again.
 *
 * @param nodes n × 32 bytes, n ≥ 1.
 * @throws {RangeError} If the length is no positive multiple of 32.
 */
export function merkleRoot(nodes: Uint8Array): Uint8Array {
  let level = nodes;
  for (let count = nodeCount(nodes); count > 1; count = nodeCount(level)) level = levelAbove(level);
  return level.slice();
}

/**
 * Siblings of one node, from its level to the root.
 *
 * @param nodes n × 32 bytes, n ≥ 1.
 * @param index 0 to n − 1.
 * @returns k × 32 bytes; empty if n = 1.
 */
export function merklePath(nodes: Uint8Array, index: number): Uint8Array {
  assertInteger(index, 0, nodeCount(nodes) - 1, "index");
  const siblings: Uint8Array[] = [];
  let level = nodes;
  let position = index;
  while (level.length > DIGEST_BYTES) {
    const sibling = (position ^ 1) * DIGEST_BYTES;
    if (sibling < level.length) siblings.push(level.subarray(sibling, sibling + DIGEST_BYTES));
    level = levelAbove(level);
    position >>= 1;
  }
  return concat(...siblings);
}

/**
 * How many siblings the path of one leaf has: what a well-formed path must bring.
 *
 * @param count Leaves of the tree, 1 to 2^30.
 * @param index 0 to count − 1.
 */
export function pathLength(index: number, count: number): number {
  assertInteger(count, 1, LEAVES_MAX, "count");
  assertInteger(index, 0, count - 1, "index");
  let length = 0;
  for (let position = index, last = count - 1; last > 0; position >>= 1, last >>= 1) {
    // The last node of a level with an odd count has no sibling there.
    if (position < last || position % 2 === 1) length++;
  }
  return length;
}

/**
 * The root that a node, its place and its path lead to (RFC 9162 section 2.1.3.2).
 *
 * @param node The node's digest, 32 bytes.
 * @param index 0 to count − 1.
 * @param count Nodes at that level, 1 to 2^30.
 * @param path Siblings from the node to the root; from a peer.
 * @returns 32 bytes; null if the path's length is not that of the place.
 */
export function rootFromPath(node: Uint8Array, index: number, count: number, path: Uint8Array): Uint8Array | null {
  assertBytes(node, DIGEST_BYTES, "node");
  if (path.length !== pathLength(index, count) * DIGEST_BYTES) return null;
  let root = node;
  let offset = 0;
  for (let position = index, last = count - 1; last > 0; position >>= 1, last >>= 1) {
    const isRight = position % 2 === 1;
    if (!isRight && position === last) continue;
    const sibling = path.subarray(offset, offset + DIGEST_BYTES);
    root = isRight ? nodeHash(sibling, root) : nodeHash(root, sibling);
    offset += DIGEST_BYTES;
  }
  return root;
}

function nodeCount(nodes: Uint8Array): number {
  if (nodes.length === 0 || nodes.length % DIGEST_BYTES !== 0) {
    throw new RangeError(`nodes: expected a positive multiple of ${DIGEST_BYTES} bytes, got ${nodes.length}`);
  }
  return nodes.length / DIGEST_BYTES;
}

/** Pairs joined; a last odd node goes up as it is, which is the RFC's split seen from below. */
function levelAbove(level: Uint8Array): Uint8Array {
  const pairBytes = 2 * DIGEST_BYTES;
  const above = new Uint8Array(Math.ceil(level.length / pairBytes) * DIGEST_BYTES);
  for (let offset = 0; offset < level.length; offset += pairBytes) {
    const left = level.subarray(offset, offset + DIGEST_BYTES);
    const right = level.subarray(offset + DIGEST_BYTES, offset + pairBytes);
    above.set(right.length === 0 ? left : nodeHash(left, right), offset / 2);
  }
  return above;
}
