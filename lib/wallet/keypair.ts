/**
 * sr25519 keys (schnorrkel, signing context `substrate`): made from a mnemonic, a seed, a URI or a stored secret.
 *
 * Signing and verifying go through the wasm library, 2.4 times as fast as the JavaScript one in `@polkadot/util-crypto`
 * (0.17 and 0.35 ms against 0.45 and 0.84 ms). Secrets live in a WeakMap of this file, so that no error, log line,
 * JSON or inspection of a key can show them; only the key file writer of this room reads them.
 *
 * Two forms of the 64-byte secret exist (facts 1.2): key files hold schnorrkel's canonical scalar, the library holds
 * the ed25519-expanded one, which is eight times as large. The second half, the nonce, is the same in both.
 */
import { keyExtractSuri, keyFromPath, mnemonicGenerate, mnemonicToMiniSecret, mnemonicValidate } from "@polkadot/util-crypto";
import { ed25519KeypairFromSeed, sr25519Agree, sr25519KeypairFromSeed, sr25519Sign, sr25519Verify, waitReady } from "@polkadot/wasm-crypto";
import { assertBytes, concat, fromHex, SIGNATURE_BYTES, type Ss58 } from "../core/mod.ts";
import { decodeSs58, encodeSs58 } from "./ss58.ts";

/** A key that signs for its address. Hotkeys and unlocked coldkeys look the same to those who use them. */
export interface Hotkey {
  readonly ss58: Ss58;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Signs raw bytes, any length. Two signatures of the same message differ. Returns 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

/** What a key file keeps of a key. */
export type KeySecrets = {
  /** 64 bytes, ed25519-expanded. */
  readonly expanded: Uint8Array;
  /** 32-byte mini-secret, if the key was made from one without derivation. */
  readonly seed?: Uint8Array;
  /** BIP-39 words, if the seed came from them. */
  readonly phrase?: string;
};

const secrets = new WeakMap<Hotkey, KeySecrets>();

/** Words that URIs without a phrase start from, the same in every Substrate tool: `//Alice` and its siblings. */
const DEV_PHRASE = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

/** ristretto255's generator, encoded (RFC 9496, appendix A.1). */
const GENERATOR = fromHex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76");

let isReady = false;

/** Loads the wasm library. Await it once before anything here signs or verifies; later calls cost nothing. */
export async function cryptoReady(): Promise<void> {
  if (isReady) return;
  if (!(await waitReady())) throw new TypeError("sr25519: the wasm library did not start");
  isReady = true;
}

/** Secrets of a key made here. For the key file writer; never leaves the room. */
export function secretsOf(key: Hotkey): KeySecrets {
  const found = secrets.get(key);
  if (!found) throw new TypeError("secretsOf: expected a key made by lib/wallet");
  return found;
}

/** Twelve random English words, 128 bits. */
export function newMnemonic(): string {
  return mnemonicGenerate(12);
}

/**
 * The key of BIP-39 words by substrate-bip39 (PBKDF2 over the entropy, not over the words).
 *
 * @throws {RangeError} If the words or their checksum are wrong. The words are not repeated.
 */
export function keypairFromMnemonic(phrase: string): Hotkey {
  const words = phrase.trim().split(/\s+/).join(" ").toLowerCase();
  if (!mnemonicValidate(words)) throw new RangeError("mnemonic: expected 12 to 24 English BIP-39 words with a valid checksum");
  return keypairFromSeed(mnemonicToMiniSecret(words), words);
}

/** The key of a 32-byte mini-secret; `phrase` is kept beside it when it came from one. */
export function keypairFromSeed(seed: Uint8Array, phrase?: string): Hotkey {
  assertBytes(seed, 32, "seed");
  assertReady("keypairFromSeed");
  const pair = sr25519KeypairFromSeed(seed);
  return makeKey(pair.slice(64), { expanded: pair.slice(0, 64), seed, ...(phrase === undefined ? {} : { phrase }) });
}

/**
 * The key of a secret URI such as `//Alice`, `<words>//stash/0` or `0x<seed>//path///password`.
 *
 * @throws {RangeError} If it is none. The text is not repeated: it may be secret.
 */
export function keypairFromUri(uri: string): Hotkey {
  assertReady("keypairFromUri");
  try {
    const parts = keyExtractSuri(/^\/\//.test(uri) ? DEV_PHRASE + uri : uri);
    const seed = parts.phrase.startsWith("0x") ? fromHex(parts.phrase) : mnemonicToMiniSecret(parts.phrase, parts.password);
    if (parts.path.length === 0) return keypairFromSeed(seed, parts.phrase.startsWith("0x") || parts.password ? undefined : parts.phrase);
    const pair = sr25519KeypairFromSeed(seed);
    const derived = keyFromPath({ publicKey: pair.slice(64), secretKey: pair.slice(0, 64) }, parts.path, "sr25519");
    return makeKey(derived.publicKey, { expanded: derived.secretKey });
  } catch {
    throw new RangeError("uri: expected a secret URI such as //Alice, or words or a 0x seed with an optional path");
  }
}

/**
 * The key of a stored secret in canonical form.
 *
 * @param canonical 64 bytes as key files hold them.
 * @returns null if the secret is malformed.
 */
export function keypairFromSecret(canonical: Uint8Array): Hotkey | null {
  assertReady("keypairFromSecret");
  const expanded = expandSecret(canonical);
  if (!expanded) return null;
  try {
    // The secret's Diffie-Hellman share with the group's generator is the secret's own public key.
    return makeKey(sr25519Agree(GENERATOR, expanded), { expanded });
  } catch {
    return null;
  }
}

/** The ed25519 public key of the same seed, 32 bytes: to tell a key of that scheme from a wrong address. */
export function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  assertBytes(seed, 32, "seed");
  assertReady("ed25519PublicKey");
  return ed25519KeypairFromSeed(seed).slice(32);
}

/** Canonical secret to the library's form: the scalar times 8. Null if it overflows, which no canonical scalar does. */
export function expandSecret(canonical: Uint8Array): Uint8Array | null {
  assertBytes(canonical, 64, "canonical secret");
  if (canonical[31]! >= 0x20) return null;
  return concat(shiftScalar(canonical, 3), canonical.subarray(32));
}

/** The library's secret to canonical form: the scalar divided by 8. Throws RangeError if it is no multiple of 8. */
export function canonicalSecret(expanded: Uint8Array): Uint8Array {
  assertBytes(expanded, 64, "expanded secret");
  if ((expanded[0]! & 7) !== 0) throw new RangeError("expanded secret: expected a scalar that is a multiple of 8");
  return concat(shiftScalar(expanded, -3), expanded.subarray(32));
}

/**
 * Whether `signature` over `message` is `signer`'s. Meant for hostile input: anything malformed is false, nothing throws.
 *
 * @param message The raw bytes that were signed; a browser wallet's `<Bytes>` wrapping is not tried.
 * @param signature 64 bytes, or the answer is false.
 * @throws {TypeError} If {@link cryptoReady} was never awaited: our bug, which must not look like a bad signature.
 */
export function verifySignature(message: Uint8Array, signature: Uint8Array, signer: Ss58): boolean {
  assertReady("verifySignature");
  if (signature.length !== SIGNATURE_BYTES) return false;
  try {
    return sr25519Verify(signature, message, decodeSs58(signer));
  } catch {
    return false;
  }
}

function makeKey(publicKey: Uint8Array, keySecrets: KeySecrets): Hotkey {
  const key: Hotkey = Object.freeze({
    ss58: encodeSs58(publicKey),
    publicKey,
    sign: (message: Uint8Array) => sr25519Sign(publicKey, keySecrets.expanded, message),
  });
  secrets.set(key, keySecrets);
  return key;
}

/** The first 32 bytes as a little-endian number, times 2^bits. */
function shiftScalar(secret: Uint8Array, bits: number): Uint8Array {
  let scalar = 0n;
  for (let i = 31; i >= 0; i--) scalar = (scalar << 8n) | BigInt(secret[i]!);
  scalar = bits > 0 ? scalar << BigInt(bits) : scalar >> BigInt(-bits);
  const bytes = new Uint8Array(32);
  for (let i = 0; i < 32; i++, scalar >>= 8n) bytes[i] = Number(scalar & 0xffn);
  return bytes;
}

function assertReady(name: string): void {
  if (!isReady) throw new TypeError(`${name}: expected cryptoReady() to have been awaited`);
}
