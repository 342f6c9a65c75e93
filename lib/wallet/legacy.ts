/**
 * The two encrypted forms that old tools wrote and nobody writes any more (facts 1.4): Ansible vaults and Fernet tokens.
 * Read only. Both check a MAC before anything is decrypted, so a wrong password and a damaged file look the same: null.
 */
import { createDecipheriv, createHmac, pbkdf2, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { concat, fromHex, utf8 } from "../core/mod.ts";

const ANSIBLE_MAGIC = "$ANSIBLE_VAULT";
const FERNET_MAGIC = "gAAAAA";

const ANSIBLE_ROUNDS = 10_000;

/** Fernet keys of the first wallets: ten million rounds over one salt, some seconds. */
const FERNET_ROUNDS = 10_000_000;
const FERNET_SALT = utf8("Iguesscyborgslikemyselfhaveatendencytobeparanoidaboutourorigins");

const MAC_BYTES = 32;

/** Version byte, time and IV before the ciphertext. */
const FERNET_HEAD_BYTES = 1 + 8 + 16;

// Both run in the pool of threads, not on this one.
const derive = promisify(pbkdf2);

/** Whether a file's bytes begin as an Ansible vault. */
export function isAnsible(file: Uint8Array): boolean {
  return startsWith(file, ANSIBLE_MAGIC);
}

/** Whether a file's bytes begin as a Fernet token of this century. */
export function isFernet(file: Uint8Array): boolean {
  return startsWith(file, FERNET_MAGIC);
}

/**
 * Opens an Ansible vault 1.1: a header line, then in hex the lines salt, HMAC-SHA256 and ciphertext, each in hex again.
 * PBKDF2-HMAC-SHA256 gives AES key (32) ‖ HMAC key (32) ‖ counter (16); AES-256-CTR under PKCS #7 padding.
 *
 * @returns The plain bytes, or null if the password is wrong or the file damaged.
 */
export async function openAnsible(file: Uint8Array, password: string): Promise<Uint8Array | null> {
  const [header, ...lines] = latin1(file).split(/\r?\n/);
  if (!/^\$ANSIBLE_VAULT;1\.[12];AES256(;.*)?$/.test(header!.trim())) return null;
  const fields = hexOf(lines.join("").replaceAll(/\s/g, ""));
  const [salt, mac, box, ...rest] = fields === null ? [] : latin1(fields).split("\n").map(hexOf);
  if (!salt || !mac || !box || rest.length > 0) return null;
  const keys = await derive(password, salt, ANSIBLE_ROUNDS, 80, "sha256");
  if (!isMac(mac, keys.subarray(32, 64), box)) return null;
  const cipher = createDecipheriv("aes-256-ctr", keys.subarray(0, 32), keys.subarray(64));
  return unpadded(concat(cipher.update(box), cipher.final()));
}

/**
 * Opens a Fernet token: base64url of 0x80 ‖ time (8) ‖ IV (16) ‖ AES-128-CBC ciphertext ‖ HMAC-SHA256 over all before.
 * Key: HMAC key (16) ‖ AES key (16). The time does not matter here.
 *
 * @returns The plain bytes, or null if the password is wrong or the file damaged.
 */
export async function openFernet(file: Uint8Array, password: string): Promise<Uint8Array | null> {
  const text = latin1(file).trim();
  if (!/^[\w-]+={0,2}$/.test(text)) return null;
  const token = Buffer.from(text, "base64url");
  const body = token.subarray(0, -MAC_BYTES);
  const box = body.subarray(FERNET_HEAD_BYTES);
  if (token[0] !== 0x80 || box.length === 0 || box.length % 16 !== 0) return null;
  const keys = await derive(password, FERNET_SALT, FERNET_ROUNDS, 32, "sha256");
  if (!isMac(token.subarray(-MAC_BYTES), keys.subarray(0, 16), body)) return null;
  const cipher = createDecipheriv("aes-128-cbc", keys.subarray(16), body.subarray(9, FERNET_HEAD_BYTES)).setAutoPadding(false);
  return unpadded(concat(cipher.update(box), cipher.final()));
}

function isMac(mac: Uint8Array, key: Uint8Array, bytes: Uint8Array): boolean {
  return mac.length === MAC_BYTES && timingSafeEqual(mac, createHmac("sha256", key).update(bytes).digest());
}

/** Without PKCS #7 padding to 16 bytes; null if there is none. Called only on what a MAC vouches for. */
function unpadded(bytes: Uint8Array): Uint8Array | null {
  const count = bytes.at(-1) ?? 0;
  if (count < 1 || count > 16 || count > bytes.length) return null;
  return bytes.subarray(-count).every((byte) => byte === count) ? bytes.slice(0, -count) : null;
}

function hexOf(text: string): Uint8Array | null {
  return text.length % 2 === 0 && /^[0-9a-fA-F]+$/.test(text) ? fromHex(text) : null;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function startsWith(file: Uint8Array, text: string): boolean {
  return latin1(file.subarray(0, text.length)) === text;
}
