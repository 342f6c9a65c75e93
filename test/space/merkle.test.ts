import { describe, expect, test } from "bun:test";
import { concat, fromHex, toHex } from "../../lib/core/mod.ts";
import { leafHash, merklePath, merkleRoot, nodeHash, pathLength, rootFromPath, saltedLeafHash } from "../../lib/space/mod.ts";
import { referencePath, referenceRoot } from "../reference/merkle.ts";
import { SeededRandom, seeds } from "../reference/random.ts";
import vectors from "../vectors/merkle.json";

const COUNTS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 31, 33, 63, 64, 65, 100];

function entriesOf(random: SeededRandom, count: number): Uint8Array[] {
  return Array.from({ length: count }, () => random.bytes(48));
}

describe("merkleRoot()", () => {
  test("gives the published roots of Certificate Transparency", () => {
    const leaves = vectors.leaves.map((leaf) => leafHash(fromHex(leaf)));
    vectors.roots.forEach((root, i) => expect(toHex(merkleRoot(concat(...leaves.slice(0, i + 1))))).toBe(root));
  });

  test("agrees with the recursive definition of RFC 9162 at every count around a power of two", () => {
    for (const seed of seeds(3)) {
      for (const count of COUNTS) {
        const entries = entriesOf(new SeededRandom(seed), count);
        expect(toHex(merkleRoot(concat(...entries.map(leafHash)))), `seed ${seed}, count ${count}`).toBe(toHex(referenceRoot(entries)));
      }
    }
  });

  test("over roots of aligned runs equals the root over all leaves, so stripe roots are inner nodes", () => {
    const random = new SeededRandom(5);
    for (const stripes of [1, 2, 3, 5, 8, 12]) {
      const leaves = entriesOf(random, stripes * 128).map(leafHash);
      const stripeRoots = Array.from({ length: stripes }, (_, s) => merkleRoot(concat(...leaves.slice(s * 128, (s + 1) * 128))));
      expect(toHex(merkleRoot(concat(...stripeRoots)))).toBe(toHex(merkleRoot(concat(...leaves))));
    }
  });

  test("refuses no nodes and half a node", () => {
    expect(() => merkleRoot(new Uint8Array(0))).toThrow(RangeError);
    expect(() => merkleRoot(new Uint8Array(33))).toThrow(RangeError);
  });
});

describe("merklePath() and rootFromPath()", () => {
  test("path of every leaf is the RFC's and leads to the root", () => {
    for (const count of COUNTS) {
      const entries = entriesOf(new SeededRandom(count), count);
      const nodes = concat(...entries.map(leafHash));
      const root = toHex(referenceRoot(entries));
      for (let index = 0; index < count; index++) {
        const path = merklePath(nodes, index);
        expect(toHex(path), `count ${count}, index ${index}`).toBe(toHex(concat(...referencePath(index, entries))));
        expect(path.length).toBe(pathLength(index, count) * 32);
        expect(toHex(rootFromPath(leafHash(entries[index]!), index, count, path)!)).toBe(root);
      }
    }
  });

  test("rootFromPath() leads elsewhere when any byte of leaf or path is wrong, or the place is", () => {
    for (const seed of seeds(20)) {
      const random = new SeededRandom(seed);
      const count = 2 + random.below(99);
      const nodes = random.bytes(count * 32);
      const index = random.below(count);
      const leaf = nodes.slice(index * 32, index * 32 + 32);
      const path = merklePath(nodes, index);
      const root = toHex(merkleRoot(nodes));
      const flippedPath = path.slice();
      flippedPath[random.below(path.length)]! ^= 1 << random.below(8);
      expect(toHex(rootFromPath(leaf, index, count, flippedPath)!), `seed ${seed}`).not.toBe(root);
      const flippedLeaf = leaf.slice();
      flippedLeaf[random.below(32)]! ^= 1 << random.below(8);
      expect(toHex(rootFromPath(flippedLeaf, index, count, path)!), `seed ${seed}`).not.toBe(root);
      const elsewhere = rootFromPath(leaf, (index + 1) % count, count, path);
      expect(elsewhere === null ? null : toHex(elsewhere), `seed ${seed}`).not.toBe(root);
    }
  });

  test("rootFromPath() gives null for a path that is one sibling or one byte too short or too long", () => {
    const nodes = new SeededRandom(1).bytes(7 * 32);
    const path = merklePath(nodes, 6);
    const leaf = nodes.slice(6 * 32);
    for (const length of [0, path.length - 32, path.length - 1, path.length + 1, path.length + 32]) {
      const other = new Uint8Array(length);
      other.set(path.subarray(0, length));
      expect(rootFromPath(leaf, 6, 7, other)).toBeNull();
    }
  });
});

describe("leaf and node digests", () => {
  test("saltedLeafHash() is SHA-256(0x00 ‖ nonce ‖ piece), nodeHash() SHA-256(0x01 ‖ left ‖ right)", () => {
    const random = new SeededRandom(9);
    const [nonce, piece, right] = [random.bytes(32), random.bytes(2048), random.bytes(32)];
    const digest = (...parts: Uint8Array[]) => new Bun.CryptoHasher("sha256").update(concat(...parts)).digest("hex");
    expect(toHex(saltedLeafHash(nonce, piece))).toBe(digest(Uint8Array.of(0), nonce, piece));
    expect(toHex(nodeHash(nonce, right))).toBe(digest(Uint8Array.of(1), nonce, right));
  });
});
