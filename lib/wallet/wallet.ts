/**
 * Wallets as btcli lays them out (facts 1.1): `<path>/<name>/coldkey`, `coldkeypub.txt`, `hotkeys/<hotkey>` and, in
 * newer ones, `hotkeys/<hotkey>pub.txt`.
 *
 * Everything that needs only addresses reads only public files; the coldkey is opened by `loadColdkey` alone.
 */
import { access, readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { BtstoreError, describeError, hasSystemCode, type Ss58 } from "../core/mod.ts";
import { readKeyBytes, writeKeyBytes } from "./files.ts";
import { type Encryption, encryptionOf } from "./encryption.ts";
import { claimedAddress, decodeKeyfile, decodePublicKeyfile, encodeKeyfile, encodePublicKeyfile, keyFromText } from "./keyfile.ts";
import { cryptoReady, type Hotkey, keypairFromMnemonic, newMnemonic } from "./keypair.ts";
import { findPassword, type Unlock } from "./password.ts";

/** Which wallet is meant: `--wallet.path`, `--wallet.name`, `--wallet.hotkey`. */
export type WalletLocation = { readonly path: string; readonly name: string; readonly hotkey: string };

/** Absolute paths of one wallet's files. */
export type WalletPaths = {
  readonly folder: string;
  readonly coldkey: string;
  readonly coldkeyPub: string;
  readonly hotkey: string;
  readonly hotkeyPub: string;
};

/** Which of a wallet's two keys is meant. */
export type KeyKind = "coldkey" | "hotkey";

/** How a key is made. */
export type KeyCreation = {
  /** BIP-39 words or a 0x seed to make it from; fresh words if missing. */
  readonly secret?: string;
  /** Encrypts the private file; null leaves it plain. */
  readonly password: string | null;
  /** Replaces existing files. */
  readonly overwrite?: boolean;
  readonly showWaiting?: Unlock["showWaiting"];
};

/** A key just written. Fresh words are to be shown once, and only to the person; null for a key made from a given secret. */
export type CreatedKey = { readonly ss58: Ss58; readonly mnemonic: string | null; readonly path: string };

/** One wallet in a list. An address is null where its file is missing or cannot be read without a password. */
export type WalletSummary = { readonly name: string; readonly coldkey: Ss58 | null; readonly hotkeys: readonly { readonly name: string; readonly ss58: Ss58 | null }[] };

const PUB_SUFFIX = "pub.txt";

/**
 * Where a wallet's files are. `~` at the start of the path is the home folder.
 *
 * @throws {BtstoreError} `usage` if a name would leave its folder.
 */
export function walletPaths(location: WalletLocation): WalletPaths {
  for (const name of [location.name, location.hotkey]) {
    if (name === "" || name === "." || name === ".." || /[/\\\0]/.test(name)) {
      throw new BtstoreError("usage", `Cannot use ${JSON.stringify(name)} as the name of a wallet or a hotkey: it must be a plain file name`);
    }
  }
  const folder = join(expandHome(location.path), location.name);
  const hotkey = join(folder, "hotkeys", location.hotkey);
  return { folder, coldkey: join(folder, "coldkey"), coldkeyPub: join(folder, "coldkeypub.txt"), hotkey, hotkeyPub: hotkey + PUB_SUFFIX };
}

/**
 * Opens the hotkey.
 *
 * @param unlock For an encrypted hotkey, which is rare; plain ones need nothing.
 * @throws {BtstoreError} `wallet` with what to do, if it is missing, damaged or cannot be unlocked.
 */
export function loadHotkey(location: WalletLocation, unlock: Unlock = { environment: {} }): Promise<Hotkey> {
  return loadKey(location, "hotkey", unlock);
}

/** Opens the coldkey, for what it pays. Same errors as {@link loadHotkey}. Nothing that runs on a server calls it. */
export function loadColdkey(location: WalletLocation, unlock: Unlock): Promise<Hotkey> {
  return loadKey(location, "coldkey", unlock);
}

/** Reads the coldkey's address from `coldkeypub.txt`; the coldkey itself is not needed. */
export async function loadColdkeyAddress(location: WalletLocation): Promise<Ss58> {
  const path = walletPaths(location).coldkeyPub;
  const action = `Cannot read the coldkey's address of wallet "${location.name}"`;
  const file = await readKeyBytes(path, action);
  if (!file) throw new BtstoreError("wallet", `${action}: no file at "${path}"; copy it from where the coldkey is, or make one with "btstore wallet new-coldkey"`);
  return decodePublicKeyfile(file, action);
}

/** Makes a coldkey and its pub file. Nothing is written if either exists and `overwrite` is not set. */
export function createColdkey(location: WalletLocation, creation: KeyCreation): Promise<CreatedKey> {
  return createKey(location, "coldkey", creation);
}

/** Makes a hotkey and its pub file. Nothing is written if either exists and `overwrite` is not set. */
export function createHotkey(location: WalletLocation, creation: KeyCreation): Promise<CreatedKey> {
  return createKey(location, "hotkey", creation);
}

/** The files of one key that exist: its private file, its pub file, both or none. Asked before a person types a password. */
export async function keyFilesThere(location: WalletLocation, kind: KeyKind): Promise<string[]> {
  const { path, pubPath } = filesOf(location, kind);
  const found = [];
  // A pub file alone belongs to a key kept elsewhere: replacing it would disown that key.
  for (const file of [path, pubPath]) if (await exists(file)) found.push(file);
  return found;
}

/**
 * Writes a key's private file again, encrypted or plain, and its pub file if that is missing.
 *
 * @param password Encrypts it as btcli does now, also what was in one of the old forms; null leaves it plain.
 * @param unlock How the file is opened now, if it is encrypted.
 * @returns The key, and how the file was encrypted before.
 * @throws {BtstoreError} `wallet` if it cannot be opened or already is what is asked for.
 */
export async function rewriteKey(location: WalletLocation, kind: KeyKind, unlock: Unlock, password: null | (() => Promise<string>)): Promise<{ ss58: Ss58; path: string; before: Encryption | null }> {
  const { path, pubPath, what } = filesOf(location, kind);
  const action = `Cannot ${password ? "encrypt" : "decrypt"} the ${what}`;
  const file = await readKeyBytes(path, action);
  if (!file) throw new BtstoreError("wallet", `${action}: no file at "${path}"`);
  const before = encryptionOf(file);
  if (before === (password ? "nacl" : null)) throw new BtstoreError("wallet", `${action}: "${path}" is ${password ? "encrypted" : "plain"} already`);
  const key = await openKey(file, path, what, action, unlock);
  const encoded = encodeKeyfile(key, password && (await password()));
  await writeKeyBytes(path, await (password && unlock.showWaiting ? unlock.showWaiting(`Encrypting the ${what}`, encoded) : encoded), action, true);
  if (!(await exists(pubPath))) await writeKeyBytes(pubPath, encodePublicKeyfile(key), action, false);
  return { ss58: key.ss58, path, before };
}

/** One file of a wallet: where it is, the address it names, and how it is encrypted. */
export type KeyFileState = {
  readonly path: string;
  readonly state: "missing" | "plain" | "damaged" | Encryption;
  readonly ss58: Ss58 | null;
};

/** The four files of one wallet and hotkey, by role. No secret is looked at and no password needed. */
export async function describeWallet(location: WalletLocation): Promise<Record<KeyKind | `${KeyKind}pub`, KeyFileState>> {
  const paths = walletPaths(location);
  return {
    coldkey: await fileState(paths.coldkey, claimedAddress),
    coldkeypub: await fileState(paths.coldkeyPub, decodePublicKeyfile),
    hotkey: await fileState(paths.hotkey, claimedAddress),
    hotkeypub: await fileState(paths.hotkeyPub, decodePublicKeyfile),
  };
}

/**
 * Lists the wallets of a folder with their addresses, by name. Damaged files do not stop it.
 *
 * @returns An empty list if the folder does not exist.
 */
export async function listWallets(path: string): Promise<WalletSummary[]> {
  const root = expandHome(path);
  const wallets: WalletSummary[] = [];
  for (const name of await namesIn(root, "folder")) {
    const folder = join(root, name);
    const hotkeys = [];
    const files = await namesIn(join(folder, "hotkeys"), "file");
    for (const hotkey of files.filter((file) => !file.endsWith(PUB_SUFFIX) && !file.endsWith(".tmp"))) {
      const file = join(folder, "hotkeys", hotkey);
      hotkeys.push({ name: hotkey, ss58: (await fileState(file + PUB_SUFFIX, decodePublicKeyfile)).ss58 ?? (await fileState(file, claimedAddress)).ss58 });
    }
    wallets.push({ name, coldkey: (await fileState(join(folder, "coldkeypub.txt"), decodePublicKeyfile)).ss58, hotkeys });
  }
  return wallets;
}

function filesOf(location: WalletLocation, kind: KeyKind): { path: string; pubPath: string; what: string } {
  const paths = walletPaths(location);
  if (kind === "coldkey") return { path: paths.coldkey, pubPath: paths.coldkeyPub, what: `coldkey of wallet "${location.name}"` };
  return { path: paths.hotkey, pubPath: paths.hotkeyPub, what: `hotkey "${location.hotkey}" of wallet "${location.name}"` };
}

async function loadKey(location: WalletLocation, kind: KeyKind, unlock: Unlock): Promise<Hotkey> {
  const { path, what } = filesOf(location, kind);
  const action = `Cannot open the ${what}`;
  const file = await readKeyBytes(path, action);
  if (file) return openKey(file, path, what, action, unlock);
  const advice =
    kind === "hotkey"
      ? 'make one with "btstore wallet new-hotkey"'
      : 'run this where the coldkey is kept, or make one with "btstore wallet new-coldkey". Miners and validators never need it: a hotkey and "coldkeypub.txt" are enough for them';
  throw new BtstoreError("wallet", `${action}: no file at "${path}"; ${advice}`);
}

async function openKey(file: Uint8Array, path: string, what: string, action: string, unlock: Unlock): Promise<Hotkey> {
  await cryptoReady();
  if (encryptionOf(file) === null) return decodeKeyfile(file, action, null);
  const opening = decodeKeyfile(file, action, await findPassword(path, what, unlock));
  return unlock.showWaiting ? unlock.showWaiting(`Opening the ${what}`, opening) : opening;
}

async function createKey(location: WalletLocation, kind: KeyKind, creation: KeyCreation): Promise<CreatedKey> {
  await cryptoReady();
  const { path, pubPath, what } = filesOf(location, kind);
  const action = `Cannot make the ${what}`;
  const mnemonic = creation.secret === undefined ? newMnemonic() : null;
  const key = mnemonic === null ? keyFromText(creation.secret!) : keypairFromMnemonic(mnemonic);
  if (!key) throw new BtstoreError("usage", `${action}: wanted 12 to 24 English BIP-39 words with a valid checksum, or a seed of 64 hex digits`);
  const overwrite = creation.overwrite ?? false;
  // Asked before seconds of key derivation.
  const [there] = overwrite ? [] : await keyFilesThere(location, kind);
  if (there !== undefined) throw new BtstoreError("wallet", `${action}: "${there}" exists and is not overwritten`);
  const encoded = encodeKeyfile(key, creation.password);
  await writeKeyBytes(path, await (creation.password !== null && creation.showWaiting ? creation.showWaiting(`Encrypting the ${what}`, encoded) : encoded), action, overwrite);
  await writeKeyBytes(pubPath, encodePublicKeyfile(key), action, overwrite);
  return { ss58: key.ss58, mnemonic, path };
}

async function fileState(path: string, read: (file: Uint8Array, action: string) => Ss58): Promise<KeyFileState> {
  try {
    const file = await readKeyBytes(path, "Cannot read the wallet");
    if (!file) return { path, state: "missing", ss58: null };
    const encryption = encryptionOf(file);
    return encryption === null ? { path, state: "plain", ss58: read(file, "Cannot read the wallet") } : { path, state: encryption, ss58: null };
  } catch {
    return { path, state: "damaged", ss58: null };
  }
}

async function namesIn(folder: string, kind: "folder" | "file"): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isSymbolicLink() || entry.isDirectory() === (kind === "folder")).map((entry) => entry.name).sort();
  } catch (error) {
    if (hasSystemCode(error, "ENOENT", "ENOTDIR")) return [];
    throw new BtstoreError("wallet", `Cannot list the wallets: cannot read "${folder}" (${describeError(error)})`, { cause: error });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}

function expandHome(path: string): string {
  return resolve(path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path);
}
