/**
 * `$NACL` key files, btcli's encrypted form (facts 1.4): "$NACL" ‖ nonce (24) ‖ XSalsa20-Poly1305 box (tag first).
 *
 * The key is Argon2i of the password with 8 passes over 512 MiB and one fixed salt, so equal passwords give equal keys;
 * that is the ecosystem's format and cannot change. It takes about five seconds and runs off the main thread.
 */
import { argon2, randomBytes } from "node:crypto";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { BtstoreError, concat, fromHex, utf8 } from "../core/mod.ts";

const MAGIC = utf8("$NACL");
const SALT = fromHex("137183dff15a09bc9c90b5518739e9b1");
const NONCE_BYTES = 24;
const TAG_BYTES = 16;

/** libsodium's SENSITIVE limits for argon2i. */
const PASSES = 8;
const MEMORY_KIB = 512 * 1024;

/** Whether a file's bytes are of this form. */
export function isNacl(file: Uint8Array): boolean {
  return MAGIC.every((byte, index) => file[index] === byte);
}

/**
 * Opens an encrypted file.
 *
 * @returns The plain bytes, or null if the password is wrong or the file damaged: the box cannot tell which.
 * @throws {BtstoreError} `memory` if the key derivation does not get its 512 MiB.
 */
export async function openNacl(file: Uint8Array, password: string): Promise<Uint8Array | null> {
  const box = file.subarray(MAGIC.length + NONCE_BYTES);
  if (box.length < TAG_BYTES) return null;
  const key = await naclKey(password);
  try {
    return xsalsa20poly1305(key, file.subarray(MAGIC.length, MAGIC.length + NONCE_BYTES)).decrypt(box);
  } catch {
    return null;
  }
}

/**
 * Encrypts plain bytes.
 *
 * @param nonce 24 bytes, random; given only by tests.
 */
export async function sealNacl(plain: Uint8Array, password: string, nonce: Uint8Array = randomBytes(NONCE_BYTES)): Promise<Uint8Array> {
  return concat(MAGIC, nonce, xsalsa20poly1305(await naclKey(password), nonce).encrypt(plain));
}

/** The key of a password, 32 bytes. The password is taken as it is (`encryption.ts`). */
function naclKey(password: string): Promise<Uint8Array> {
  const parameters = { message: utf8(password), nonce: SALT, parallelism: 1, tagLength: 32, memory: MEMORY_KIB, passes: PASSES };
  return new Promise((resolve, reject) => {
    argon2("argon2i", parameters, (error, key) => {
      if (!error) return resolve(new Uint8Array(key));
      reject(new BtstoreError("memory", "Cannot derive the key of an encrypted key file: it takes 512 MiB of memory for some seconds", { cause: error }));
    });
  });
}
