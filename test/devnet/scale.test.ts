import { describe, expect, test } from "bun:test";
import { TypeRegistry } from "@polkadot/types";
import fc from "fast-check";
import { fromHex, toHex } from "../../lib/core/mod.ts";
import { Bool, Bytes, type Codec, compact, DecodeError, decodeAll, enumeration, I128, option, struct, Text, tuple, U128, U16, U32, U64, U8, vec } from "../../lib/devnet/chain/scale.ts";

const registry = new TypeRegistry();
const big = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
const small = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });

describe("codecs", () => {
  test("encode as @polkadot/types does, and decode what they encode", () => {
    const cases: [Codec<any>, string, fc.Arbitrary<any>][] = [
      [U8, "u8", small(8)], [U16, "u16", small(16)], [U32, "u32", small(32)], [U64, "u64", big(64)], [U128, "u128", big(128)], [I128, "i128", big(127)],
      [Bool, "bool", fc.boolean()], [Text, "Text", fc.string({ unit: "grapheme" })], [compact(U8), "Compact<u8>", small(8)], [compact(U32), "Compact<u32>", small(32)],
      [compact(U64), "Compact<u64>", big(64)], [compact(U128), "Compact<u128>", big(128)], [vec(U16), "Vec<u16>", fc.array(small(16))],
      [option(U32), "Option<u32>", fc.option(small(32))], [tuple(U16, U64), "(u16,u64)", fc.tuple(small(16), big(64))],
      [struct("A", { one: U8, two: vec(compact(U16)) }), '{"one":"u8","two":"Vec<Compact<u16>>"}', fc.record({ one: small(8), two: fc.array(small(16)) })],
    ];
    for (const [codec, type, values] of cases) {
      fc.assert(
        fc.property(values, (value) => {
          const bytes = codec.encode(value);
          expect(toHex(bytes), type).toBe(toHex(registry.createType(type, value).toU8a()));
          expect(decodeAll(codec, bytes), type).toEqual(value);
        }),
        { numRuns: 60 },
      );
    }
  });

  test("cross every boundary of compact integers", () => {
    for (const edge of [1n << 6n, 1n << 14n, 1n << 30n, 1n << 32n, 1n << 56n, 1n << 64n]) {
      for (const value of [edge - 1n, edge, edge + 1n]) expect(decodeAll(compact(U128), compact(U128).encode(value))).toBe(value);
    }
  });

  test("refuse what no encoder would have written", () => {
    const refused: [Codec<any>, string][] = [
      [U16, "00"], [U16, "000000"], [Bool, "02"], [option(U8), "02"], [compact(U32), "0100"], [compact(U32), "02000000"], [compact(U64), "0300000000"],
      [compact(U8), "0104"], [compact(U32), "070000000001"], [compact(U128), "37" + "ff".repeat(17)], [vec(U8), "0800"], [vec(U8), "fe"], [vec(U64), "13ffffffffffffff7f"],
      [Bytes, "0c0000"], [enumeration("E", { A: { index: 1, fields: [] } }), "00"],
    ];
    for (const [codec, hex] of refused) expect(() => decodeAll(codec, fromHex(hex)), hex).toThrow(DecodeError);
  });
});
