/**
 * SCALE codecs that also describe themselves: the same value encodes, decodes strictly and enters its type into the
 * metadata (`type_table.ts`), so what the chain declares and what it does cannot drift apart.
 *
 * Integers up to 32 bits are numbers, wider ones bigints. Decoding never reads past the input, refuses non-canonical
 * compacts, booleans and options, and bounds nesting, because extrinsics come from strangers.
 */
import { concat, u16le, u32le, u64le, u8, utf8 } from "../../core/mod.ts";
import type { TypeDefinition, TypeTable } from "./type_table.ts";

/** Bytes that are not what they should be. A peer's fault; caught where peers' bytes are decoded. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

/** How deep calls may nest inside calls; Substrate's own limit. */
const NESTING_MAX = 256;

/** Bytes being decoded. */
export class Input {
  readonly #bytes: Uint8Array;
  #offset = 0;
  depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  get offset(): number {
    return this.#offset;
  }

  /** The next `length` bytes, not copied. */
  take(length: number): Uint8Array {
    if (length > this.remaining) throw new DecodeError(`Expected ${length} more bytes, got ${this.remaining}`);
    this.#offset += length;
    return this.#bytes.subarray(this.#offset - length, this.#offset);
  }
}

/** How values of one type are written, read and described. */
export interface Codec<T> {
  encode(value: T): Uint8Array;
  decode(input: Input): T;
  /** The type's entry in the metadata; called once per table. */
  define(table: TypeTable): TypeDefinition;
}

/** The values of a codec. */
export type Value<C> = C extends Codec<infer T> ? T : never;

/** Decodes a whole byte string; leftover bytes are an error. */
export function decodeAll<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const input = new Input(bytes);
  const value = codec.decode(input);
  if (input.remaining > 0) throw new DecodeError(`Expected the end, got ${input.remaining} more bytes`);
  return value;
}

function primitive<T>(name: string, encode: (value: T) => Uint8Array, decode: (input: Input) => T): Codec<T> {
  return { encode, decode, define: () => ({ def: { Primitive: name } }) };
}

const littleEndian = (bytes: Uint8Array) => bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
const wide = (value: bigint) => concat(u64le(value & (2n ** 64n - 1n)), u64le(value >> 64n));

export const U8 = primitive<number>("U8", u8, (input) => input.take(1)[0]!);
export const U16 = primitive<number>("U16", u16le, (input) => Number(littleEndian(input.take(2))));
export const U32 = primitive<number>("U32", u32le, (input) => Number(littleEndian(input.take(4))));
export const U64 = primitive<bigint>("U64", u64le, (input) => littleEndian(input.take(8)));
export const U128 = primitive<bigint>("U128", wide, (input) => littleEndian(input.take(16)));
/** Only its non-negative half is used here. */
export const I128 = primitive<bigint>("I128", wide, (input) => littleEndian(input.take(16)));
export const Bool = primitive<boolean>("Bool", (value) => u8(value ? 1 : 0), (input) => {
  const byte = input.take(1)[0]!;
  if (byte > 1) throw new DecodeError(`Expected a boolean, got ${byte}`);
  return byte === 1;
});
export const Text = primitive<string>(
  "Str",
  (value) => concat(encodeCompact(BigInt(utf8(value).length)), utf8(value)),
  (input) => new TextDecoder("utf-8", { fatal: true }).decode(input.take(Number(decodeCompact(input)))),
);

/** A compact integer of at most 128 bits. */
export function encodeCompact(value: bigint): Uint8Array {
  if (value < 1n << 6n) return u8(Number(value) << 2);
  if (value < 1n << 14n) return u16le((Number(value) << 2) | 1);
  if (value < 1n << 30n) return u32le(Number(value) * 4 + 2);
  const bytes: number[] = [];
  for (let rest = value; rest > 0n; rest >>= 8n) bytes.push(Number(rest & 0xffn));
  return Uint8Array.of(((bytes.length - 4) << 2) | 3, ...bytes);
}

/** Reads a compact integer of at most 128 bits; refuses one written longer than needed. */
export function decodeCompact(input: Input): bigint {
  const first = input.take(1)[0]!;
  let value: bigint;
  if ((first & 3) === 0) return BigInt(first >> 2);
  if ((first & 3) === 1) value = BigInt(((input.take(1)[0]! << 8) | first) >> 2);
  else if ((first & 3) === 2) value = littleEndian(concat(Uint8Array.of(first), input.take(3))) >> 2n;
  else value = littleEndian(input.take(checkedLength((first >> 2) + 4)));
  const length = [2, 2, 4, (first >> 2) + 5][first & 3]!;
  if (encodeCompact(value).length !== length) throw new DecodeError("Expected the shortest compact integer, got a longer one");
  return value;
}

function checkedLength(length: number): number {
  if (length > 16) throw new DecodeError(`Expected a compact integer of at most 16 bytes, got ${length}`);
  return length;
}

/** A compact integer of the given width, as the width's own kind of number. */
export function compact<T extends number | bigint>(width: Codec<T>): Codec<T> {
  return remembered(width, "compact", () => ({
    encode: (value) => encodeCompact(BigInt(value)),
    decode: (input) => {
      const value = decodeCompact(input);
      const zeros = new Input(new Uint8Array(16));
      width.decode(zeros);
      const bytes = zeros.offset;
      if (value >= 1n << BigInt(8 * bytes)) throw new DecodeError(`Expected a compact integer of ${8 * bytes} bits, got a larger one`);
      return width.decode(new Input(wide(value).subarray(0, bytes)));
    },
    define: (table) => ({ def: { Compact: { type: table.idOf(width) } } }),
  }));
}

/** A list. */
export function vec<T>(item: Codec<T>): Codec<T[]> {
  return remembered(item, "vec", () => ({
    encode: (values) => concat(encodeCompact(BigInt(values.length)), ...values.map((value) => item.encode(value))),
    decode: (input) => {
      const length = decodeCompact(input);
      // Every item of ours takes at least one byte, so a longer claim is a lie; refuse it before allocating.
      if (length > BigInt(input.remaining)) throw new DecodeError(`Expected at most ${input.remaining} items, got ${length}`);
      return Array.from({ length: Number(length) }, () => item.decode(input));
    },
    define: (table) => ({ def: { Sequence: { type: table.idOf(item) } } }),
  }));
}

/** A byte string: `Vec<u8>`, but as bytes. */
export const Bytes: Codec<Uint8Array> = {
  encode: (value) => concat(encodeCompact(BigInt(value.length)), value),
  decode: (input) => {
    const length = decodeCompact(input);
    if (length > BigInt(input.remaining)) throw new DecodeError(`Expected at most ${input.remaining} bytes, got ${length}`);
    return input.take(Number(length)).slice();
  },
  define: (table) => ({ def: { Sequence: { type: table.idOf(U8) } } }),
};

/** `[u8; length]`. */
export function fixedBytes(length: number): Codec<Uint8Array> {
  return {
    encode: (value) => value,
    decode: (input) => input.take(length).slice(),
    define: (table) => ({ def: { Array: { len: length, type: table.idOf(U8) } } }),
  };
}

/** A value or null. */
export function option<T>(item: Codec<T>): Codec<T | null> {
  return remembered(item, "option", () => ({
    encode: (value) => (value === null ? u8(0) : concat(u8(1), item.encode(value))),
    decode: (input) => (Bool.decode(input) ? item.decode(input) : null),
    define: (table) => ({
      path: ["Option"],
      params: [{ name: "T", type: table.idOf(item) }],
      def: { Variant: { variants: [variantEntry(table, "None", 0, []), variantEntry(table, "Some", 1, [item])] } },
    }),
  }));
}

/** Named or positional parts, in order. */
export type Fields = Readonly<Record<string, Codec<any>>> | readonly Codec<any>[];
export type FieldValues<F extends Fields> = { -readonly [Name in keyof F]: Value<F[Name]> };

function encodeFields(fields: Fields, values: any): Uint8Array {
  return concat(...Object.entries(fields).map(([name, codec]) => codec.encode(values[name])));
}

function decodeFields(fields: Fields, input: Input): any {
  const values: any = Array.isArray(fields) ? [] : {};
  for (const [name, codec] of Object.entries(fields)) values[name] = codec.decode(input);
  return values;
}

/** Decodes named or positional parts from a whole byte string; leftover bytes are an error. */
export function decodeFieldsAll<F extends Fields>(fields: F, bytes: Uint8Array): FieldValues<F> {
  const input = new Input(bytes);
  const values = decodeFields(fields, input);
  if (input.remaining > 0) throw new DecodeError(`Expected the end, got ${input.remaining} more bytes`);
  return values;
}

/** The metadata entries of fields: names, where they have any, and types. */
export function fieldEntries(table: TypeTable, fields: Fields) {
  return Object.entries(fields).map(([name, codec]) => ({
    name: Array.isArray(fields) ? null : name, type: table.idOf(codec), typeName: null, docs: [],
  }));
}

function variantEntry(table: TypeTable, name: string, index: number, fields: Fields) {
  return { name, index, fields: fieldEntries(table, fields), docs: [] };
}

/** A structure. `path` is its name in the metadata, `a::b::C`. */
export function struct<F extends Fields>(path: string, fields: F): Codec<FieldValues<F>> {
  return {
    encode: (value) => encodeFields(fields, value),
    decode: (input) => decodeFields(fields, input),
    define: (table) => ({ path: path === "" ? [] : path.split("::"), def: { Composite: { fields: fieldEntries(table, fields) } } }),
  };
}

/** A tuple; the empty one is `()`. */
export function tuple<const F extends readonly Codec<any>[]>(...items: F): Codec<FieldValues<F>> {
  return {
    encode: (value) => encodeFields(items, value),
    decode: (input) => decodeFields(items, input),
    define: (table) => ({ def: { Tuple: items.map((item) => table.idOf(item)) } }),
  };
}

/** A newtype: encoded as its content, but with a name of its own in the metadata. */
export function newtype<T>(path: string, content: Codec<T>): Codec<T> {
  return {
    encode: (value) => content.encode(value),
    decode: (input) => content.decode(input),
    define: (table) => ({ path: path.split("::"), def: { Composite: { fields: fieldEntries(table, [content]) } } }),
  };
}

export type Variants = Readonly<Record<string, { index: number; fields: Fields }>>;
export type VariantValue<V extends Variants> = { [Kind in keyof V]: { kind: Kind; value: FieldValues<V[Kind]["fields"]> } }[keyof V];

/** An enumeration: one of several kinds, each with its own fields. */
export function enumeration<const V extends Variants>(path: string, variants: V | (() => V), params?: (table: TypeTable) => TypeDefinition["params"]): Codec<VariantValue<V>> {
  // Late, because the outer enumerations of a runtime contain themselves.
  const all = () => (typeof variants === "function" ? variants() : variants);
  return {
    encode: (value) => {
      const variant = all()[value.kind]!;
      return concat(u8(variant.index), encodeFields(variant.fields, value.value));
    },
    decode: (input) => {
      const index = input.take(1)[0]!;
      if (++input.depth > NESTING_MAX) throw new DecodeError(`Expected at most ${NESTING_MAX} levels, got more`);
      for (const [kind, variant] of Object.entries(all())) {
        if (variant.index !== index) continue;
        const value = decodeFields(variant.fields, input);
        input.depth--;
        return { kind, value } as VariantValue<V>;
      }
      throw new DecodeError(`Expected a variant of "${path}", got index ${index}`);
    },
    define: (table) => ({
      path: path.split("::"),
      params: params?.(table),
      def: { Variant: { variants: Object.entries(all()).map(([name, variant]) => variantEntry(table, name, variant.index, variant.fields)) } },
    }),
  };
}

/** One codec per (content, combinator), so that the metadata lists each type once. */
const memory = new WeakMap<Codec<any>, Map<string, Codec<any>>>();
function remembered<T>(content: Codec<any>, combinator: string, make: () => Codec<T>): Codec<T> {
  const made = memory.get(content) ?? new Map<string, Codec<any>>();
  memory.set(content, made);
  const codec = made.get(combinator) ?? make();
  made.set(combinator, codec);
  return codec;
}
