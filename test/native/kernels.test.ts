import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { argon2d as nobleArgon2d } from "@noble/hashes/argon2.js";
import { CHUNK_BYTES, DIGEST_BYTES, PIECE_BYTES, PIECES_PER_STRIPE, STRIPE_BYTES, concat, fromHex, toHex } from "../../lib/core/mod.ts";
import { CPU_LEVELS, STATUS, native } from "../../lib/native/library.ts";
import { argon2d, cpuLevel, merklePath, merkleRoot, pieceTree, saltedTree, stripeRoots } from "../../lib/native/mod.ts";
import { referenceArgon2d } from "../reference/argon2d.ts";
import { referencePath, referenceRoot } from "../reference/merkle.ts";
import { SeededRandom, seeds } from "../reference/random.ts";

function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** The levels of this machine: those that do not answer "unsupported". */
const levels = Object.keys(CPU_LEVELS)
  .map(Number)
  .filter((level) => native().bts_merkle_root(level, new Uint8Array(32), 32, new Uint8Array(32)) === STATUS.ok);

test("cpuLevel() names a level that this machine has", () => {
  expect(levels.map((level) => CPU_LEVELS[level]!)).toContain(cpuLevel());
});

describe("argon2d()", () => {
  test("gives the tag of RFC 9106 section 5.1", () => {
    const tag = argon2d({
      password: new Uint8Array(32).fill(1),
      salt: new Uint8Array(16).fill(2),
      secret: new Uint8Array(8).fill(3),
      associatedData: new Uint8Array(12).fill(4),
      memoryKib: 32,
      passes: 3,
      lanes: 4,
    });
    expect(toHex(tag)).toBe("512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb");
  });

  test("agrees with @noble/hashes over sizes, passes, lanes, tag lengths and random inputs", () => {
    for (const seed of seeds(24)) {
      const random = new SeededRandom(seed);
      const lanes = 1 + random.below(3);
      const inputs = {
        password: random.bytes(random.below(100)),
        salt: random.bytes(8 + random.below(40)),
        secret: random.bytes(random.below(20)),
        associatedData: random.bytes(random.below(20)),
        memoryKib: 8 * lanes + random.below(200),
        passes: 1 + random.below(4),
        lanes,
        tagBytes: 4 + random.below(140),
      };
      const { password, salt, secret, associatedData, memoryKib, passes, tagBytes } = inputs;
      const expected = nobleArgon2d(password, salt, { m: memoryKib, t: passes, p: lanes, dkLen: tagBytes, key: secret, personalization: associatedData, version: 0x13 });
      expect(toHex(argon2d(inputs)), `seed ${seed}`).toBe(toHex(expected));
    }
  });

  test("agrees with @noble/hashes on units of r chunks and t passes", () => {
    for (const [chunks, passes] of [[1, 1], [1, 3], [2, 2], [3, 1]] as const) {
      const password = new TextEncoder().encode("owner and validator");
      const salt = new Uint8Array(16).fill(chunks);
      const expected = nobleArgon2d(password, salt, { m: chunks * 1024, t: passes, p: 1, dkLen: 32, version: 0x13 });
      expect(toHex(argon2d({ password, salt, memoryKib: chunks * 1024, passes })), `r ${chunks}, t ${passes}`).toBe(toHex(expected));
    }
  });

  test("gives the reference's final memory, byte for byte", () => {
    for (const [memoryKib, passes] of [[8, 1], [8, 5], [20, 3], [128, 4], [1024, 2]] as const) {
      const password = new SeededRandom(memoryKib).bytes(96);
      const salt = new SeededRandom(passes).bytes(16);
      const expected = referenceArgon2d(password, salt, memoryKib, passes);
      const memory = new Uint8Array(memoryKib * 1024);
      const tag = argon2d({ password, salt, memoryKib, passes }, memory);
      expect(toHex(tag), `m ${memoryKib}, t ${passes}`).toBe(toHex(expected.tag));
      expect(Buffer.compare(memory, expected.memory), `m ${memoryKib}, t ${passes}`).toBe(0);
    }
  });

  test("refuses numbers and lengths outside the limits by name", () => {
    const good = { password: new Uint8Array(1), salt: new Uint8Array(8), memoryKib: 8, passes: 1 };
    expect(() => argon2d({ ...good, salt: new Uint8Array(7) })).toThrow("salt length: expected a whole number from 8");
    expect(() => argon2d({ ...good, memoryKib: 7 })).toThrow("memoryKib: expected a whole number from 8");
    expect(() => argon2d({ ...good, lanes: 2 })).toThrow("memoryKib: expected a whole number from 16");
    expect(() => argon2d({ ...good, passes: 0 })).toThrow("passes: expected a whole number from 1");
    expect(() => argon2d({ ...good, tagBytes: 3 })).toThrow("tagBytes: expected a whole number from 4");
    expect(() => argon2d(good, new Uint8Array(8191))).toThrow("memory: expected 8192 bytes, got 8191");
    expect(() => argon2d({ ...good, memoryKib: 16, lanes: 2 }, new Uint8Array(16384))).toThrow("lanes: expected 1");
  });
});

describe("saltedTree() and pieceTree()", () => {
  test("are 255 digests level by level, the root last", () => {
    for (const seed of seeds(4)) {
      const random = new SeededRandom(seed);
      const stripe = random.bytes(STRIPE_BYTES);
      const nonce = random.bytes(32);
      for (const [tree, salt] of [[saltedTree(stripe, nonce), nonce], [pieceTree(stripe), new Uint8Array(0)]] as const) {
        let level = Array.from({ length: PIECES_PER_STRIPE }, (_, i) => sha256(Uint8Array.of(0), salt, stripe.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES)));
        const expected = [...level];
        while (level.length > 1) {
          level = Array.from({ length: level.length / 2 }, (_, i) => sha256(Uint8Array.of(1), level[2 * i]!, level[2 * i + 1]!));
          expected.push(...level);
        }
        expect(toHex(tree), `seed ${seed}`).toBe(toHex(concat(...expected)));
      }
    }
  });

  test("refuse a stripe or nonce of another length", () => {
    expect(() => pieceTree(new Uint8Array(STRIPE_BYTES - 1))).toThrow("stripe: expected 262144 bytes, got 262143");
    expect(() => saltedTree(new Uint8Array(STRIPE_BYTES), new Uint8Array(31))).toThrow("nonce: expected 32 bytes, got 31");
  });
});

describe("stripeRoots()", () => {
  test("are the RFC 9162 roots over each stripe's pieces", () => {
    const data = new SeededRandom(1).bytes(3 * STRIPE_BYTES);
    const expected = Array.from({ length: 3 }, (_, stripe) =>
      referenceRoot(Array.from({ length: PIECES_PER_STRIPE }, (_, i) => data.subarray((stripe * PIECES_PER_STRIPE + i) * PIECE_BYTES, (stripe * PIECES_PER_STRIPE + i + 1) * PIECE_BYTES))),
    );
    expect(toHex(stripeRoots(data))).toBe(toHex(concat(...expected)));
    expect(stripeRoots(new Uint8Array(0))).toEqual(new Uint8Array(0));
    expect(() => stripeRoots(new Uint8Array(1))).toThrow("data: expected whole stripes");
  });
});

describe("merkleRoot() and merklePath()", () => {
  test("are the RFC 9162 root and every path, for 1 to 40 leaves and around larger powers of two", () => {
    for (const count of [...Array.from({ length: 40 }, (_, i) => i + 1), 63, 64, 65, 127, 128, 129]) {
      const entries = Array.from({ length: count }, (_, i) => new SeededRandom(1000 * count + i).bytes(5));
      const nodes = concat(...entries.map((entry) => sha256(Uint8Array.of(0), entry)));
      const before = nodes.slice();
      expect(toHex(merkleRoot(nodes)), `${count} leaves`).toBe(toHex(referenceRoot(entries)));
      for (const index of count <= 40 ? entries.keys() : [0, count >> 1, count - 1]) {
        expect(toHex(merklePath(nodes, index)), `${count} leaves, leaf ${index}`).toBe(toHex(concat(...referencePath(index, entries))));
      }
      expect(nodes).toEqual(before);
    }
  });

  test("hold to the roots of certificate-transparency's published test tree", () => {
    // google/certificate-transparency, merkletree test data: leaves and the roots over the first n of them.
    const leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map(fromHex);
    const roots: Record<number, string> = {
      1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    };
    for (const [count, root] of Object.entries(roots)) {
      const nodes = concat(...leaves.slice(0, Number(count)).map((leaf) => sha256(Uint8Array.of(0), leaf)));
      expect(toHex(merkleRoot(nodes)), `${count} leaves`).toBe(root);
    }
  });

  test("refuse no nodes, half a node and an index past the end", () => {
    expect(() => merkleRoot(new Uint8Array(0))).toThrow("nodes: expected one or more digests");
    expect(() => merkleRoot(new Uint8Array(33))).toThrow("nodes: expected one or more digests");
    expect(() => merklePath(new Uint8Array(64), 2)).toThrow("index: expected a whole number from 0 to 1, got 2");
  });
});

describe("every CPU level of this machine", () => {
  const lib = native();
  const random = new SeededRandom(7);
  const password = random.bytes(96);
  const salt = random.bytes(16);
  const stripe = random.bytes(STRIPE_BYTES);
  const nonce = random.bytes(32);

  test.each(levels)("gives the same bytes: %d", (level) => {
    const memory = new Uint8Array(1 << 20);
    const tag = new Uint8Array(32);
    expect(lib.bts_argon2d(level, password, 96, salt, 16, null, 0, null, 0, 1024, 3, 1, tag, 32, memory, memory.length)).toBe(STATUS.ok);
    const expected = new Uint8Array(1 << 20);
    expect(toHex(tag)).toBe(toHex(argon2d({ password, salt, memoryKib: 1024, passes: 3 }, expected)));
    expect(Buffer.compare(memory, expected)).toBe(0);
    const tree = new Uint8Array(255 * DIGEST_BYTES);
    expect(lib.bts_stripe_tree(level, stripe, stripe.length, nonce, tree)).toBe(STATUS.ok);
    expect(toHex(tree)).toBe(toHex(saltedTree(stripe, nonce)));
  });

  test("and none that it lacks", () => {
    expect(lib.bts_merkle_root(999, new Uint8Array(32), 32, new Uint8Array(32))).toBe(STATUS.unsupportedLevel);
  });
});

describe("the native boundary", () => {
  const lib = native();
  const bytes = new Uint8Array(64);

  test("answers nulls, wrong sizes and absurd numbers with a status", () => {
    const refused = STATUS.invalidArgument;
    expect(lib.bts_merkle_root(0, null, 32, bytes)).toBe(refused);
    expect(lib.bts_merkle_root(0, bytes, 0, bytes)).toBe(refused);
    expect(lib.bts_merkle_root(0, bytes, 33, bytes)).toBe(refused);
    expect(lib.bts_merkle_root(0, bytes, 32, null)).toBe(refused);
    expect(lib.bts_merkle_path(0, bytes, 64, 2, bytes, 32)).toBe(refused);
    expect(lib.bts_merkle_path(0, bytes, 64, 0, bytes, 64)).toBe(refused);
    expect(lib.bts_merkle_path(0, bytes, 64, 0, null, 32)).toBe(refused);
    expect(lib.bts_stripe_tree(0, bytes, 64, null, bytes)).toBe(refused);
    expect(lib.bts_stripe_tree(0, null, STRIPE_BYTES, null, bytes)).toBe(refused);
    expect(lib.bts_stripe_roots(0, bytes, 64, bytes, 32)).toBe(refused);
    expect(lib.bts_stripe_roots(0, null, STRIPE_BYTES, bytes, 32)).toBe(refused);
    const argon2 = (memoryKib: number, passes: number, lanes: number, tagSize: number) =>
      lib.bts_argon2d(0, null, 0, bytes, 8, null, 0, null, 0, memoryKib, passes, lanes, bytes, tagSize, null, 0);
    expect(argon2(8, 1, 1, 32)).toBe(STATUS.ok);
    expect([argon2(7, 1, 1, 32), argon2(8, 0, 1, 32), argon2(8, 1, 0, 32), argon2(8, 1, 2, 32), argon2(8, 1, 1, 3), argon2(0xffff_ffff, 1, 1, 32), argon2(8, 1, 0xffff_ffff, 32)]).toEqual(Array(7).fill(refused));
    expect(lib.bts_argon2d(0, null, 5, bytes, 8, null, 0, null, 0, 8, 1, 1, bytes, 32, null, 0)).toBe(refused);
  });

  test("bts_seal refuses a batch that does not fit together, before it touches the file", () => {
    const control = new Uint32Array(3);
    const leaves = new Uint8Array(2 * 512 * 32);
    const arena = new Uint8Array(2 * CHUNK_BYTES + 2 ** 21);
    const good = { salts: 16, chunks: 1, passes: 1, file: 1 << 20, byteOffset: 0, firstUnit: 0, unitsPerSector: 2, checkedUnit: 0, leavesSize: leaves.length, tagsSize: 32, arenaSize: arena.length, control: control as Uint32Array | null };
    const seal = (changes: Partial<typeof good>) => {
      const batch = { ...good, ...changes };
      return lib.bts_seal(0, bytes, 8, bytes, batch.salts, batch.chunks, batch.passes, batch.file, batch.byteOffset, batch.firstUnit, batch.unitsPerSector, batch.checkedUnit, leaves, batch.leavesSize, bytes, batch.tagsSize, arena, batch.arenaSize, batch.control);
    };
    expect(seal({})).toBe(STATUS.diskFailed);
    const wrong: Partial<typeof good>[] = [
      { salts: 0 }, { salts: 15 }, { salts: 32 }, { chunks: 0 }, { chunks: 0xffff_ffff }, { passes: 0 }, { file: -1 }, { byteOffset: 2 ** 62 }, { firstUnit: 2 },
      { firstUnit: 0xffff_ffff }, { unitsPerSector: 0 }, { unitsPerSector: 3 }, { checkedUnit: 1 }, { leavesSize: leaves.length - 32 }, { tagsSize: 31 }, { arenaSize: arena.length - 1 }, { control: null },
    ];
    for (const changes of wrong) expect(seal(changes), JSON.stringify(changes)).toBe(STATUS.invalidArgument);
  });
});
