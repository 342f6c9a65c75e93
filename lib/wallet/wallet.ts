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
import { decodeKeyfile, decodePublicKeyfile, encodeKeyfile, encodePublicKeyfile, isEncrypted } from "./keyfile.ts";
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

/** How a key is made. */
export type KeyCreation = {
  /** BIP-39 words to make it from; fresh ones if missing. */
  readonly mnemonic?: string;
  /** Encrypts the private file; null leaves it plain. */
  readonly password: string | null;
  /** Replaces existing files. */
  readonly overwrite?: boolean;
};

/** A key just written. The words are to be shown once, and only to the person. */
export type CreatedKey = { readonly ss58: Ss58; readonly mnemonic: string; readonly path: string };

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
  return loadPrivate(walletPaths(location).hotkey, `hotkey "${location.hotkey}" of wallet "${location.name}"`, "btstore wallet new-hotkey", unlock);
}

/** Opens the coldkey, for what it pays. Same errors as {@link loadHotkey}. */
export function loadColdkey(location: WalletLocation, unlock: Unlock): Promise<Hotkey> {
  return loadPrivate(walletPaths(location).coldkey, `coldkey of wallet "${location.name}"`, "btstore wallet new-coldkey", unlock);
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
  const paths = walletPaths(location);
  return createKey(paths.coldkey, paths.coldkeyPub, `Cannot make the coldkey of wallet "${location.name}"`, creation);
}

/** Makes a hotkey and its pub file. Nothing is written if either exists and `overwrite` is not set. */
export function createHotkey(location: WalletLocation, creation: KeyCreation): Promise<CreatedKey> {
  const paths = walletPaths(location);
  return createKey(paths.hotkey, paths.hotkeyPub, `Cannot make the hotkey "${location.hotkey}" of wallet "${location.name}"`, creation);
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
      hotkeys.push({ name: hotkey, ss58: (await addressIn(file + PUB_SUFFIX)) ?? (await addressIn(file)) });
    }
    wallets.push({ name, coldkey: await addressIn(join(folder, "coldkeypub.txt")), hotkeys });
  }
  return wallets;
}

async function loadPrivate(path: string, what: string, remedy: string, unlock: Unlock): Promise<Hotkey> {
  const action = `Cannot open the ${what}`;
  const file = await readKeyBytes(path, action);
  if (!file) throw new BtstoreError("wallet", `${action}: no file at "${path}"; make one with "${remedy}"`);
  await cryptoReady();
  return decodeKeyfile(file, action, isEncrypted(file) ? await findPassword(path, what, unlock) : null);
}

async function createKey(path: string, pubPath: string, action: string, creation: KeyCreation): Promise<CreatedKey> {
  await cryptoReady();
  const mnemonic = creation.mnemonic ?? newMnemonic();
  let key: Hotkey;
  try {
    key = keypairFromMnemonic(mnemonic);
  } catch (error) {
    throw new BtstoreError("usage", `${action}: ${describeError(error)}`);
  }
  const overwrite = creation.overwrite ?? false;
  // Asked before seconds of key derivation. A pub file alone belongs to a coldkey kept elsewhere: replacing it would disown that key.
  for (const file of overwrite ? [] : [path, pubPath]) {
    if (await exists(file)) throw new BtstoreError("wallet", `${action}: "${file}" exists and is not overwritten`);
  }
  await writeKeyBytes(path, await encodeKeyfile(key, creation.password), action, overwrite);
  await writeKeyBytes(pubPath, encodePublicKeyfile(key), action, overwrite);
  return { ss58: key.ss58, mnemonic, path };
}

/** The address in a plain file; null if it is missing, encrypted or damaged. */
async function addressIn(path: string): Promise<Ss58 | null> {
  try {
    const file = await readKeyBytes(path, "Cannot list the wallets");
    return file && decodePublicKeyfile(file, "Cannot list the wallets");
  } catch {
    return null;
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
