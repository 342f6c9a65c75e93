/**
 * The short native calls: hashing and Merkle trees, and Argon2d by itself.
 *
 * All are synchronous. Hashing a stripe takes a tenth of a millisecond; `argon2d` takes as long as its arguments say, so
 * outside tests and benchmarks units are computed by `SealPool`.
 */
import { DIGEST_BYTES, PIECES_PER_STRIPE, STRIPE_BYTES, assertBytes, assertInteger } from "../core/mod.ts";
import { BEST_LEVEL, check, native } from "./library.ts";

/** Digests in the tree of one stripe: 128 leaves, then 64, 32 … the root last. */
export const STRIPE_TREE_NODES = 2 * PIECES_PER_STRIPE - 1;

/** Inputs of one Argon2d run, RFC 9106 section 3.1, version 0x13. */
export type Argon2dInputs = {
  readonly password: Uint8Array;
  /** At least 8 bytes. */
  readonly salt: Uint8Array;
  /** m, at least 8 × lanes. */
  readonly memoryKib: number;
  /** t. */
  readonly passes: number;
  /** p; 1 unless given. Computed one after the other. */
  readonly lanes?: number;
  readonly secret?: Uint8Array;
  readonly associatedData?: Uint8Array;
  /** At least 4; 32 unless given. */
  readonly tagBytes?: number;
};

/**
 * Computes Argon2d.
 *
 * @param memory If given, receives the final memory in block order: `memoryKib` rounded down to 4 KiB long, one lane only.
 * @returns The tag.
 * @throws {RangeError} If a number or length is outside RFC 9106's limits or ours.
 * @throws {BtstoreError} `memory` if the system gives none.
 */
export function argon2d(inputs: Argon2dInputs, memory?: Uint8Array): Uint8Array {
  const { password, salt, memoryKib, passes, lanes = 1, secret, associatedData, tagBytes = 32 } = inputs;
  assertInteger(lanes, 1, 2 ** 16, "lanes");
  assertInteger(memoryKib, 8 * lanes, 2 ** 26, "memoryKib");
  assertInteger(passes, 1, 2 ** 16, "passes");
  assertInteger(tagBytes, 4, 2 ** 16, "tagBytes");
  assertInteger(salt.length, 8, 2 ** 20, "salt length");
  if (memory) assertBytes(memory, 1024 * 4 * Math.floor(memoryKib / 4), "memory");
  if (memory && lanes !== 1) throw new RangeError(`lanes: expected 1 with a memory, got ${lanes}`);
  const tag = new Uint8Array(tagBytes);
  const status = native().bts_argon2d(
    BEST_LEVEL,
    ...spread(password),
    ...spread(salt),
    ...spread(secret),
    ...spread(associatedData),
    memoryKib,
    passes,
    lanes,
    tag,
    tag.length,
    memory ?? null,
    memory?.length ?? 0,
  );
  check(status, "compute Argon2d");
  return tag;
}

/** A buffer as the pair of arguments it crosses the boundary as. */
function spread(bytes: Uint8Array | undefined): [Uint8Array | null, number] {
  return bytes === undefined || bytes.length === 0 ? [null, 0] : [bytes, bytes.length];
}

/**
 * The tree over one stripe's pieces, salted (DESIGN section 5): leaf SHA-256(0x00 ‖ nonce ‖ piece), node SHA-256(0x01 ‖ left ‖ right).
 *
 * @param stripe `STRIPE_BYTES` bytes.
 * @param nonce 32 bytes.
 * @returns `STRIPE_TREE_NODES` × 32 bytes, level by level: 128 leaves, 64, 32 … the root last.
 */
export function saltedTree(stripe: Uint8Array, nonce: Uint8Array): Uint8Array {
  assertBytes(nonce, DIGEST_BYTES, "nonce");
  return stripeTree(stripe, nonce);
}

/** The same tree without salt (RFC 9162): leaf SHA-256(0x00 ‖ piece). */
export function pieceTree(stripe: Uint8Array): Uint8Array {
  return stripeTree(stripe, null);
}

function stripeTree(stripe: Uint8Array, nonce: Uint8Array | null): Uint8Array {
  assertBytes(stripe, STRIPE_BYTES, "stripe");
  const tree = new Uint8Array(STRIPE_TREE_NODES * DIGEST_BYTES);
  check(native().bts_stripe_tree(BEST_LEVEL, stripe, stripe.length, nonce, tree), "hash a stripe");
  return tree;
}

/**
 * The roots of consecutive stripes: RFC 9162 roots over 128 pieces each.
 *
 * @param data k × `STRIPE_BYTES` bytes. About 0.1 ms each, so keep k small on a thread that has to answer.
 * @returns k × 32 bytes.
 */
export function stripeRoots(data: Uint8Array): Uint8Array {
  if (data.length % STRIPE_BYTES !== 0) throw new RangeError(`data: expected whole stripes of ${STRIPE_BYTES} bytes, got ${data.length} bytes`);
  const roots = new Uint8Array((data.length / STRIPE_BYTES) * DIGEST_BYTES);
  if (roots.length === 0) return roots;
  check(native().bts_stripe_roots(BEST_LEVEL, data, data.length, roots, roots.length), "hash stripes");
  return roots;
}

/**
 * The RFC 9162 root over digests that are nodes already: they are not hashed again.
 *
 * @param nodes n × 32 bytes, n ≥ 1. Left as they are.
 * @returns 32 bytes.
 */
export function merkleRoot(nodes: Uint8Array): Uint8Array {
  countNodes(nodes);
  const scratch = nodes.slice();
  const root = new Uint8Array(DIGEST_BYTES);
  check(native().bts_merkle_root(BEST_LEVEL, scratch, scratch.length, root), "hash a tree");
  return root;
}

/**
 * The siblings from node `index` to the RFC 9162 root over the given node digests, the first beside the node itself.
 *
 * @param nodes n × 32 bytes, n ≥ 1. Left as they are.
 * @param index 0 to n − 1.
 * @returns k × 32 bytes; k is at most ceil(log2 n), and less where the last node of an odd level goes up alone.
 */
export function merklePath(nodes: Uint8Array, index: number): Uint8Array {
  const count = countNodes(nodes);
  assertInteger(index, 0, count - 1, "index");
  const path = new Uint8Array(pathLength(count, index) * DIGEST_BYTES);
  if (path.length === 0) return path;
  const scratch = nodes.slice();
  check(native().bts_merkle_path(BEST_LEVEL, scratch, scratch.length, index, path, path.length), "hash a tree");
  return path;
}

function countNodes(nodes: Uint8Array): number {
  if (nodes.length === 0 || nodes.length % DIGEST_BYTES !== 0) {
    throw new RangeError(`nodes: expected one or more digests of ${DIGEST_BYTES} bytes, got ${nodes.length} bytes`);
  }
  return nodes.length / DIGEST_BYTES;
}

function pathLength(count: number, index: number): number {
  let length = 0;
  for (let n = count, at = index; n > 1; n = Math.ceil(n / 2), at = Math.floor(at / 2)) if ((at ^ 1) < n) length++;
  return length;
}
