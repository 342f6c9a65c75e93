/**
 * Byte strings: lengths asserted by name, joined, compared, printed, and integers read and written little-endian.
 *
 * Every layout of the protocol (salts, declarations, audit messages) is built from these, so they say exactly what is
 * wrong when a length or a number is.
 */

const encoder = new TextEncoder();

/**
 * Asserts a byte string's exact length.
 *
 * @throws {TypeError} If it is no Uint8Array.
 * @throws {RangeError} If its length differs; the message names it.
 */
export function assertBytes(value: Uint8Array, length: number, name: string): void {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${name}: expected ${length} bytes, got ${typeof value}`);
  if (value.length !== length) throw new RangeError(`${name}: expected ${length} bytes, got ${value.length}`);
}

/**
 * Asserts a whole number in a closed range.
 *
 * @throws {RangeError} If it is no safe integer or lies outside `min` to `max`.
 */
export function assertInteger(value: number, min: number, max: number, name: string): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new RangeError(`${name}: expected a whole number from ${min} to ${max}, got ${value}`);
  }
}

/** Joins byte strings in order. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Whether two byte strings are equal. Takes the same time wherever they differ; the lengths are not secret. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let i = 0; i < left.length; i++) difference |= left[i]! ^ right[i]!;
  return difference === 0;
}

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Lower-case hex without prefix. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/**
 * Parses hex, with or without `0x`, either case.
 *
 * @throws {RangeError} If the text has an odd length or another character. The text itself is not repeated: it may be secret.
 */
export function fromHex(text: string): Uint8Array {
  const digits = text.startsWith("0x") ? text.slice(2) : text;
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) {
    throw new RangeError(`hex: expected an even number of hex digits, got ${digits.length} characters`);
  }
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** One byte. */
export function u8(value: number): Uint8Array {
  assertInteger(value, 0, 0xff, "u8");
  return Uint8Array.of(value);
}

/** Two bytes, little-endian. */
export function u16le(value: number): Uint8Array {
  assertInteger(value, 0, 0xffff, "u16");
  const bytes = new Uint8Array(2);
  view(bytes).setUint16(0, value, true);
  return bytes;
}

/** Four bytes, little-endian. */
export function u32le(value: number): Uint8Array {
  assertInteger(value, 0, 0xffff_ffff, "u32");
  const bytes = new Uint8Array(4);
  view(bytes).setUint32(0, value, true);
  return bytes;
}

/** Eight bytes, little-endian. */
export function u64le(value: bigint | number): Uint8Array {
  const wide = BigInt(value);
  if (wide < 0n || wide >= 1n << 64n) throw new RangeError(`u64: expected 0 to 2^64 − 1, got ${wide}`);
  const bytes = new Uint8Array(8);
  view(bytes).setBigUint64(0, wide, true);
  return bytes;
}

/** Reads two bytes at `offset`, little-endian. Throws RangeError past the end. */
export function readU16le(bytes: Uint8Array, offset: number): number {
  return view(bytes).getUint16(offset, true);
}

/** Reads four bytes at `offset`, little-endian. Throws RangeError past the end. */
export function readU32le(bytes: Uint8Array, offset: number): number {
  return view(bytes).getUint32(offset, true);
}

/** Reads eight bytes at `offset`, little-endian. Throws RangeError past the end. */
export function readU64le(bytes: Uint8Array, offset: number): bigint {
  return view(bytes).getBigUint64(offset, true);
}
