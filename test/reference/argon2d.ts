/** Argon2d, version 0x13, one lane, as RFC 9106 section 3 writes it: slow, and it gives the final memory. */
import { blake2b } from "@noble/hashes/blake2.js";
import { concat, u32le } from "../../lib/core/mod.ts";

const MASK = (1n << 64n) - 1n;
const BLOCK_WORDS = 128;

/**
 * @param memoryKib m, a multiple of 4.
 * @returns The final memory in block order and the 32-byte tag.
 */
export function referenceArgon2d(password: Uint8Array, salt: Uint8Array, memoryKib: number, passes: number): { memory: Uint8Array; tag: Uint8Array } {
  const bytes = new Uint8Array(memoryKib * 1024);
  const words = new BigUint64Array(bytes.buffer);
  const block = (index: number) => words.subarray(index * BLOCK_WORDS, (index + 1) * BLOCK_WORDS);
  const tagBytes = 32;
  const h0 = blake2b(
    concat(u32le(1), u32le(tagBytes), u32le(memoryKib), u32le(passes), u32le(0x13), u32le(0), u32le(password.length), password, u32le(salt.length), salt, u32le(0), u32le(0)),
  );
  for (const column of [0, 1]) bytes.set(longHash(concat(h0, u32le(column), u32le(0)), 1024), column * 1024);
  const segment = memoryKib / 4;
  for (let pass = 0; pass < passes; pass++) {
    for (let index = pass === 0 ? 2 : 0; index < memoryKib; index++) {
      const previous = block((index + memoryKib - 1) % memoryKib);
      const slice = Math.floor(index / segment);
      const area = pass === 0 ? index - 1 : memoryKib - segment + (index % segment) - 1;
      const first = pass === 0 ? 0 : ((slice + 1) % 4) * segment;
      const j1 = previous[0]! & 0xffff_ffffn;
      const back = Number((BigInt(area) * ((j1 * j1) >> 32n)) >> 32n);
      const mixed = compress(previous, block((first + area - 1 - back) % memoryKib));
      const target = block(index);
      for (let i = 0; i < BLOCK_WORDS; i++) target[i] = pass === 0 ? mixed[i]! : target[i]! ^ mixed[i]!;
    }
  }
  return { memory: bytes, tag: longHash(bytes.subarray(-1024), tagBytes) };
}

/** H', section 3.3. */
function longHash(input: Uint8Array, length: number): Uint8Array {
  const message = concat(u32le(length), input);
  if (length <= 64) return blake2b(message, { dkLen: length });
  const parts: Uint8Array[] = [];
  let v = blake2b(message);
  let rest = length;
  for (; rest > 64; rest -= 32) {
    parts.push(v.subarray(0, 32));
    v = blake2b(v, { dkLen: Math.min(64, rest - 32) });
  }
  return concat(...parts, v);
}

/** G, section 3.5. */
function compress(x: BigUint64Array, y: BigUint64Array): BigUint64Array {
  const r = x.map((word, i) => word ^ y[i]!);
  const z = r.slice();
  for (let row = 0; row < 8; row++) permute(z, Array.from({ length: 16 }, (_, i) => 16 * row + i));
  for (let column = 0; column < 8; column++) permute(z, Array.from({ length: 16 }, (_, i) => 16 * (i >> 1) + 2 * column + (i & 1)));
  return z.map((word, i) => word ^ r[i]!);
}

/** P, section 3.6. */
function permute(v: BigUint64Array, at: readonly number[]): void {
  const columns = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]];
  const diagonals = [[0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]];
  for (const group of [...columns, ...diagonals]) {
    const [a, b, c, d] = group.map((i) => at[i]!) as [number, number, number, number];
    for (const [first, second] of [[32n, 24n], [16n, 63n]] as const) {
      v[a] = multiplyAdd(v[a]!, v[b]!);
      v[d] = rotate(v[d]! ^ v[a]!, first);
      v[c] = multiplyAdd(v[c]!, v[d]!);
      v[b] = rotate(v[b]! ^ v[c]!, second);
    }
  }
}

function multiplyAdd(x: bigint, y: bigint): bigint {
  return (x + y + 2n * (x & 0xffff_ffffn) * (y & 0xffff_ffffn)) & MASK;
}

function rotate(x: bigint, bits: bigint): bigint {
  return ((x >> bits) | (x << (64n - bits))) & MASK;
}
