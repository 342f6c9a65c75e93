/**
 * Axon addresses as the chain keeps them: the IP as one number, beside its family (facts 3.5).
 *
 * 0 means "not serving" in either family.
 */
import { isIP } from "node:net";
import { assertInteger } from "../core/mod.ts";

/** An address as `serve_axon` takes it. */
export type ChainIp = { readonly value: bigint; readonly family: 4 | 6 };

/** An IP address in text to the chain's form; null if it is none. IPv4-mapped IPv6 becomes IPv4. */
export function encodeIp(text: string): ChainIp | null {
  const family = isIP(text);
  if (family === 4) return { value: text.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n), family };
  if (family !== 6 || text.includes("%")) return null;
  // The URL parser writes any form of IPv6 as at most eight groups of hex with one "::".
  const [head = "", tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const right = tail === undefined ? [] : groups(tail);
  const left = groups(head);
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  const value = all.reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n);
  return value >> 32n === 0xffffn ? { value: value & 0xffff_ffffn, family: 4 } : { value, family: 6 };
}

/**
 * The chain's form to text.
 *
 * @param family 4 or 6 as stored; anything else is read as the smallest family that holds the number.
 * @returns null for 0, which is nobody's address, and for numbers that do not fit.
 */
export function decodeIp(value: bigint, family: number): string | null {
  if (value <= 0n || value >= 1n << 128n) return null;
  if (family !== 6 && value < 1n << 32n) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
  if (family === 4) return null;
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/** What the chain would refuse about an address, in words; null if it would take it (`InvalidIpAddress`, `InvalidPort`). */
export function addressFault(ip: ChainIp, port: number): string | null {
  assertInteger(port, 0, 65_535, "port");
  if (port === 0) return "the chain refuses port 0";
  if (ip.family === 4 && ip.value === 0x7f00_0001n) return "the chain refuses 127.0.0.1; give the address that others reach this machine at with --axon.external_ip";
  if (ip.family === 6 && ip.value === 1n) return "the chain refuses ::1; give the address that others reach this machine at with --axon.external_ip";
  if (ip.family === 4 && ip.value >= 0xffff_ffffn) return "the chain refuses 255.255.255.255";
  if (ip.family === 6 && ip.value === (1n << 128n) - 1n) return "the chain refuses this IPv6 address";
  return null;
}
