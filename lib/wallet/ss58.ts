/**
 * SS58 addresses: the text form of a 32-byte public key (facts 1.3).
 *
 * base58(prefix ‖ key ‖ first two bytes of BLAKE2b-512("SS58PRE" ‖ prefix ‖ key)). Only prefix 42 is ours: always 48
 * characters beginning with 5. The seed of every partition contains these texts, so there is exactly one per key.
 */
import { decodeAddress, encodeAddress } from "@polkadot/util-crypto";
import { assertBytes, type Ss58 } from "../core/mod.ts";

const PREFIX = 42;
const SHAPE = /^5[1-9A-HJ-NP-Za-km-z]{47}$/;

/** The address of a public key, 32 bytes. */
export function encodeSs58(publicKey: Uint8Array): Ss58 {
  assertBytes(publicKey, 32, "publicKey");
  return encodeAddress(publicKey, PREFIX) as Ss58;
}

/**
 * Parses an address at the edge.
 *
 * @param text Anything a peer or a person sent; other prefixes, hex and surrounding white space are refused.
 * @returns The same text as {@link Ss58}, or null if it is none.
 */
export function parseSs58(text: unknown): Ss58 | null {
  if (typeof text !== "string" || !SHAPE.test(text)) return null;
  try {
    return decodeAddress(text, false, PREFIX).length === 32 ? (text as Ss58) : null;
  } catch {
    return null;
  }
}

/** The public key of an address, 32 bytes. */
export function decodeSs58(address: Ss58): Uint8Array {
  return decodeAddress(address, false, PREFIX);
}
