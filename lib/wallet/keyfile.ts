/**
 * btcli's key files: one JSON object, keys in any order, any of them missing or null, or in the oldest files just the
 * secret's or the public key's text (facts 1.2).
 *
 * Must agree with btwallet 3 and 4 and bittensor-core: what is written here opens there and the other way round. A file
 * whose secret does not belong to the address in it is refused, whichever of the two is wrong. Files hold secrets: no
 * message repeats their content, and no parser's error is kept as a cause.
 */
import { BtstoreError, equalBytes, fromHex, type Ss58, toHex, utf8 } from "../core/mod.ts";
import { encryptionOf, openEncrypted } from "./encryption.ts";
import { canonicalSecret, ed25519PublicKey, type Hotkey, keypairFromMnemonic, keypairFromSecret, keypairFromSeed, secretsOf } from "./keypair.ts";
import { sealNacl } from "./nacl.ts";
import { decodeSs58, encodeSs58, parseSs58 } from "./ss58.ts";

/** Largest file that is read, in bytes. Real ones are under 1 KiB. */
export const KEYFILE_BYTES_MAX = 64 * 1024;

/** Codes of the two classical schemes in the newest files; absent in all others. */
const CRYPTO_ED25519 = 0;
const CRYPTO_SR25519 = 1;

const NOT_SR25519 = "the key is an ed25519 key, and btstore signs with sr25519 keys only; make one with btstore wallet new-hotkey";

type Fields = Readonly<Record<string, unknown>>;

/** What a file says of its secret. A seed gives a key in either scheme, a canonical secret is sr25519's. */
type Secret = { readonly seed: Uint8Array; readonly phrase?: string } | { readonly canonical: Uint8Array };

/**
 * Reads a private key file.
 *
 * @param action What failed if it fails, the start of the message: `Cannot open the hotkey "a" of wallet "b"`.
 * @param password For an encrypted file; ignored for a plain one.
 * @throws {BtstoreError} `wallet` if it is no key file of ours, the password is wrong, or address and secret differ.
 */
export async function decodeKeyfile(file: Uint8Array, action: string, password: string | null): Promise<Hotkey> {
  const encryption = encryptionOf(file);
  if (encryption === null) return keyOf(file, action);
  if (password === null) {
    throw fault(action, "the file is encrypted and no password was given; set BT_WALLET_PASSWORD or --wallet.password_file, or run the command in a terminal");
  }
  const plain = await openEncrypted(file, encryption, password);
  if (!plain) throw fault(action, "the password is wrong, or the file is damaged");
  return keyOf(plain, action);
}

/**
 * Reads the address in a pub file, either scheme's: an address is paid and compared, not signed with.
 *
 * @throws {BtstoreError} `wallet` if it is no pub file.
 */
export function decodePublicKeyfile(file: Uint8Array, action: string): Ss58 {
  const text = textOf(file, action).trim();
  // The first wallets wrote nothing but the public key.
  return /^0x[0-9a-fA-F]{64}$/.test(text) ? encodeSs58(fromHex(text)) : claimedAddress(file, action);
}

/**
 * The address that a plain private file names. Its secret is not looked at, and text that is nothing but a secret is
 * refused: a seed would pass for a public key and be shown.
 *
 * @throws {BtstoreError} `wallet` if it names none.
 */
export function claimedAddress(file: Uint8Array, action: string): Ss58 {
  const publicKey = claimedPublicKey(parseFields(textOf(file, action), action), action);
  if (!publicKey) throw fault(action, "the file names no address");
  return encodeSs58(publicKey);
}

/**
 * The key of what a person has written down of it: BIP-39 words, or a seed of 32 or a canonical secret of 64 bytes in hex.
 *
 * @returns null if it is none of these.
 */
export function keyFromText(text: string): Hotkey | null {
  const secret = secretFromText(text.trim());
  return secret && sr25519Key(secret);
}

/** A key's private file as btcli writes it; encrypted if a password is given. */
export async function encodeKeyfile(key: Hotkey, password: string | null): Promise<Uint8Array> {
  const { expanded, seed, phrase } = secretsOf(key);
  const plain = encodeFields({
    ...publicFields(key),
    privateKey: hex(canonicalSecret(expanded)),
    ...(phrase === undefined ? {} : { secretPhrase: phrase }),
    ...(seed === undefined ? {} : { secretSeed: hex(seed) }),
  });
  return password === null ? plain : sealNacl(plain, password);
}

/** A key's `…pub.txt`. */
export function encodePublicKeyfile(key: Hotkey): Uint8Array {
  return encodeFields(publicFields(key));
}

function keyOf(file: Uint8Array, action: string): Hotkey {
  const text = textOf(file, action).trim();
  const bare = secretFromText(text);
  const fields = bare ? {} : parseFields(text, action);
  const secret = bare ?? secretIn(fields, action);
  const claimed = claimedPublicKey(fields, action);
  const isEd25519 = "seed" in secret && claimed !== null && equalBytes(ed25519PublicKey(secret.seed), claimed);
  // Where an address is named, it says which scheme is meant, whatever "cryptoType" says.
  if (isEd25519 || (claimed === null && cryptoType(fields) === CRYPTO_ED25519)) throw fault(action, NOT_SR25519);
  const key = sr25519Key(secret);
  if (!key || (claimed && !equalBytes(key.publicKey, claimed))) throw fault(action, "its secret does not belong to the address in it");
  return key;
}

/** The secret in btwallet's order: words, seed, secret. The first one there decides. */
function secretIn(fields: Fields, action: string): Secret {
  const phrase = textField(fields, "secretPhrase", action);
  if (phrase !== null) {
    const found = secretFromWords(phrase);
    if (!found) throw fault(action, '"secretPhrase" is no valid mnemonic');
    return found;
  }
  // bittensor-wallet 4.1.1 writes a seed that happens to be UTF-8 as that text. The secret beside it is whole.
  const isWithoutSeed = isSeedText(fields["secretSeed"]) && claimedPublicKey(fields, action) !== null && (fields["privateKey"] ?? null) !== null;
  const bytes = (isWithoutSeed ? null : hexField(fields, "secretSeed", [32, 64], action)) ?? hexField(fields, "privateKey", [32, 64], action);
  if (!bytes) throw fault(action, "the file holds no secret, only a public key");
  return secretFromBytes(bytes);
}

/** Whether a seed's field holds the seed's 32 bytes as text, behind `0x`. */
function isSeedText(value: unknown): boolean {
  return typeof value === "string" && value.startsWith("0x") && utf8(value).length === 2 + 32;
}

/** A file or a line that is nothing but a secret; null if it is anything else. */
function secretFromText(text: string): Secret | null {
  if (/^(0x)?([0-9a-fA-F]{64}){1,2}$/.test(text)) return secretFromBytes(fromHex(text));
  return text.startsWith("{") ? null : secretFromWords(text);
}

function secretFromBytes(bytes: Uint8Array): Secret {
  return bytes.length === 32 ? { seed: bytes } : { canonical: bytes };
}

function secretFromWords(text: string): Secret | null {
  try {
    const { seed, phrase } = secretsOf(keypairFromMnemonic(text));
    return { seed: seed!, phrase: phrase! };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function sr25519Key(secret: Secret): Hotkey | null {
  return "seed" in secret ? keypairFromSeed(secret.seed, secret.phrase) : keypairFromSecret(secret.canonical);
}

/** The one public key that `ss58Address`, `publicKey` and `accountId` agree on; null if none is there. */
function claimedPublicKey(fields: Fields, action: string): Uint8Array | null {
  // Some tools wrote the name with a space before it.
  const address = textField(fields, "ss58Address", action) ?? textField(fields, " ss58Address", action);
  const parsed = address === null ? null : parseSs58(address);
  if (address !== null && !parsed) throw fault(action, '"ss58Address" is no address with prefix 42');
  const claims = [parsed && decodeSs58(parsed), hexField(fields, "publicKey", [32], action), hexField(fields, "accountId", [32], action)];
  const found = claims.filter((claim) => claim !== null);
  if (found.some((claim) => !equalBytes(claim, found[0]!))) throw fault(action, "its address and public key differ");
  return found[0] ?? null;
}

function textOf(file: Uint8Array, action: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(file);
  } catch {
    throw fault(action, "the file is no key file");
  }
}

function parseFields(text: string, action: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw fault(action, "the file is no JSON key file");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw fault(action, "the file is no JSON object");
  const fields = value as Fields;
  if (![CRYPTO_ED25519, CRYPTO_SR25519].includes(cryptoType(fields)) || (fields["hashedDescriptor"] ?? null) !== null) {
    throw fault(action, "the key is of a newer kind, neither sr25519 nor ed25519");
  }
  return fields;
}

/** A number, or a numeric text from some JavaScript tools; NaN if it is neither. */
function cryptoType(fields: Fields): number {
  const value = fields["cryptoType"] ?? CRYPTO_SR25519;
  if (typeof value === "number") return value;
  return typeof value === "string" && /^\d{1,3}$/.test(value) ? Number(value) : Number.NaN;
}

function textField(fields: Fields, name: string, action: string): string | null {
  const value = fields[name] ?? null;
  if (value === null || value === "") return null;
  if (typeof value !== "string") throw fault(action, `"${name}" is no text`);
  return value;
}

function hexField(fields: Fields, name: string, lengths: readonly number[], action: string): Uint8Array | null {
  const text = textField(fields, name, action);
  if (text === null) return null;
  const digits = text.startsWith("0x") ? text.slice(2) : text;
  if (!lengths.includes(digits.length / 2) || !/^[0-9a-fA-F]*$/.test(digits)) throw fault(action, `"${name}" is not ${lengths.join(" or ")} bytes in hex`);
  return fromHex(digits);
}

function publicFields(key: Hotkey): Record<string, string> {
  return { accountId: hex(key.publicKey), publicKey: hex(key.publicKey), ss58Address: key.ss58 };
}

function encodeFields(fields: Record<string, string>): Uint8Array {
  return utf8(JSON.stringify(fields));
}

function hex(bytes: Uint8Array): string {
  return `0x${toHex(bytes)}`;
}

function fault(action: string, reason: string): BtstoreError {
  return new BtstoreError("wallet", `${action}: ${reason}`);
}
