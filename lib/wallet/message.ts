/**
 * Signatures over messages that people type, by the ecosystem's rules (facts 1.3): what begins with `0x` stands for its
 * bytes, anything else for its UTF-8; a verifier also takes what a browser wallet signs, the message in `<Bytes>`.
 *
 * Nothing of the network's own protocol is signed or checked here: there messages are bytes and nothing is tried twice.
 */
import { concat, fromHex, toHex, type Ss58, utf8 } from "../core/mod.ts";
import { type Hotkey, verifySignature } from "./keypair.ts";

/** How a signature fits a message: as its bytes in hex, as its text, and either of them wrapped in `<Bytes>`. */
export type MessageForm = { readonly reading: "hex" | "text"; readonly isWrapped: boolean };

const OPENING = utf8("<Bytes>");
const CLOSING = utf8("</Bytes>");

/**
 * The bytes that a message stands for when it is signed.
 *
 * @returns null if it begins with `0x` and is no hex.
 */
export function messageBytes(message: string): Uint8Array | null {
  if (!message.startsWith("0x")) return utf8(message);
  try {
    return fromHex(message);
  } catch {
    return null;
  }
}

/** A signature as text: `0x` and 128 hex digits. Verifiers of the SDK insist on the `0x`. */
export function signatureText(key: Hotkey, bytes: Uint8Array): string {
  return `0x${toHex(key.sign(bytes))}`;
}

/**
 * Finds how a signature fits a message.
 *
 * btcli's own `wallet sign` never reads hex, so a message that begins with `0x` is tried as text as well.
 *
 * @param signature 128 hex digits, with or without `0x`; anything else fits nothing.
 * @returns null if it is not the signer's signature over this message.
 */
export function verifyMessage(message: string, signature: string, signer: Ss58): MessageForm | null {
  const digits = signature.trim().replace(/^0x/, "");
  if (!/^[0-9a-fA-F]{128}$/.test(digits)) return null;
  const signed = fromHex(digits);
  const isHex = message.startsWith("0x");
  const readings = [...(isHex ? [["hex", messageBytes(message)] as const] : []), ["text", utf8(message)] as const];
  for (const [reading, bytes] of readings) {
    if (bytes === null) continue;
    if (verifySignature(bytes, signed, signer)) return { reading, isWrapped: false };
    if (verifySignature(concat(OPENING, bytes, CLOSING), signed, signer)) return { reading, isWrapped: true };
  }
  return null;
}
