/**
 * btcli's key files: one JSON object, keys in any order, any of them missing or null (facts 1.2).
 *
 * Must agree with btwallet 3 and 4: what is written here opens there and the other way round. A file whose secret does
 * not belong to the address in it is refused, whichever of the two is wrong. Files hold secrets: no message repeats
 * their content, and no parser's error is kept as a cause.
 */
import { BtstoreError, equalBytes, fromHex, type Ss58, toHex, utf8 } from "../core/mod.ts";
import { canonicalSecret, type Hotkey, keypairFromMnemonic, keypairFromSecret, keypairFromSeed, secretsOf } from "./keypair.ts";
import { isNacl, openNacl, sealNacl } from "./nacl.ts";
import { decodeSs58, encodeSs58, parseSs58 } from "./ss58.ts";

/** Largest file that is read, in bytes. Real ones are under 1 KiB. */
export const KEYFILE_BYTES_MAX = 64 * 1024;

/** sr25519's code in the newest files; absent in all others. */
const CRYPTO_SR25519 = 1;

type Fields = Readonly<Record<string, unknown>>;

/** Whether a file must be opened with a password. */
export function isEncrypted(file: Uint8Array): boolean {
  return isNacl(file);
}

/**
 * Reads a private key file.
 *
 * @param action What failed if it fails, the start of the message: `Cannot open the hotkey "a" of wallet "b"`.
 * @param password For an encrypted file; ignored for a plain one.
 * @throws {BtstoreError} `wallet` if it is no key file of ours, the password is wrong, or address and secret differ.
 */
export async function decodeKeyfile(file: Uint8Array, action: string, password: string | null): Promise<Hotkey> {
  if (!isNacl(file)) return keyOf(parseFields(file, action), action);
  if (password === null) {
    throw fault(action, 'the file is encrypted and no password was given; set "BT_WALLET_PASSWORD" or run the command in a terminal');
  }
  const plain = await openNacl(file, password);
  if (!plain) throw fault(action, "the password is wrong, or the file is damaged");
  return keyOf(parseFields(plain, action), action);
}

/** Reads the address that a plain key file or a pub file names. The secret, if there is one, is not looked at. */
export function decodePublicKeyfile(file: Uint8Array, action: string): Ss58 {
  const publicKey = claimedPublicKey(parseFields(file, action), action);
  if (!publicKey) throw fault(action, "the file names no address");
  return encodeSs58(publicKey);
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

/** Secrets in btwallet's order: words, seed, secret. The first one there decides, and must fit the address. */
function keyOf(fields: Fields, action: string): Hotkey {
  const claimed = claimedPublicKey(fields, action);
  const phrase = textField(fields, "secretPhrase", action);
  const seed = hexField(fields, "secretSeed", 32, action);
  const secret = hexField(fields, "privateKey", 64, action);
  let key: Hotkey | null;
  if (phrase !== null) {
    try {
      key = keypairFromMnemonic(phrase);
    } catch {
      throw fault(action, '"secretPhrase" is no valid mnemonic');
    }
  } else if (seed !== null) {
    key = keypairFromSeed(seed);
  } else if (secret !== null) {
    if (!claimed) throw fault(action, 'the file holds "privateKey" but names no public key to check it against');
    key = keypairFromSecret(secret, claimed);
  } else {
    throw fault(action, "the file holds no secret, only a public key");
  }
  if (!key || (claimed && !equalBytes(key.publicKey, claimed))) throw fault(action, "its secret does not belong to the address in it");
  return key;
}

/** The one public key that `ss58Address`, `publicKey` and `accountId` agree on; null if none is there. */
function claimedPublicKey(fields: Fields, action: string): Uint8Array | null {
  const address = textField(fields, "ss58Address", action);
  const parsed = address === null ? null : parseSs58(address);
  if (address !== null && !parsed) throw fault(action, '"ss58Address" is no address with prefix 42');
  const claims = [parsed && decodeSs58(parsed), hexField(fields, "publicKey", 32, action), hexField(fields, "accountId", 32, action)];
  const found = claims.filter((claim) => claim !== null);
  if (found.some((claim) => !equalBytes(claim, found[0]!))) throw fault(action, "its address and public key differ");
  return found[0] ?? null;
}

function parseFields(file: Uint8Array, action: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(file));
  } catch {
    throw fault(action, otherFormat(file) ?? "the file is no JSON key file");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw fault(action, "the file is no JSON object");
  const fields = value as Fields;
  const cryptoType = fields["cryptoType"] ?? CRYPTO_SR25519;
  if (Number(cryptoType) !== CRYPTO_SR25519 || (fields["hashedDescriptor"] ?? null) !== null) throw fault(action, "the key is no sr25519 key");
  return fields;
}

/** What to do about the two old encrypted forms, which are recognised and not opened. */
function otherFormat(file: Uint8Array): string | null {
  const start = new TextDecoder().decode(file.subarray(0, 14));
  if (start === "$ANSIBLE_VAULT") return "the file is an Ansible vault, an old form that is not read here; re-encrypt it with btcli";
  if (start.startsWith("gAAAAA")) return "the file is a Fernet token, an old form that is not read here; re-encrypt it with btcli";
  return null;
}

function textField(fields: Fields, name: string, action: string): string | null {
  const value = fields[name] ?? null;
  if (value === null || value === "") return null;
  if (typeof value !== "string") throw fault(action, `"${name}" is no text`);
  return value;
}

function hexField(fields: Fields, name: string, length: number, action: string): Uint8Array | null {
  const text = textField(fields, name, action);
  if (text === null) return null;
  const digits = text.startsWith("0x") ? text.slice(2) : text;
  if (digits.length !== 2 * length || !/^[0-9a-fA-F]*$/.test(digits)) throw fault(action, `"${name}" is not ${length} bytes in hex`);
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
