/**
 * Where the password of an encrypted key file comes from (facts 1.5): a file named on the command line, then
 * `BT_WALLET_PASSWORD`, the key file's own `BT_PW_…` variable, a password file named otherwise, and last whoever asks the
 * person. Never a command line itself.
 */
import { BtstoreError, utf8 } from "../core/mod.ts";
import { readKeyBytes } from "./files.ts";

/** How encrypted key files are opened. */
export type Unlock = {
  /** The environment, as `process.env`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A file that holds the password; `isFirst` puts it before the variables. */
  readonly passwordFile?: { readonly path: string; readonly isFirst: boolean };
  /** Asks the person; missing where nobody can be asked. `what` names the file's role. */
  readonly askPassword?: (what: string) => Promise<string>;
  /** Shows the person that some seconds of key derivation go by, and ends early if it is cancelled. */
  readonly showWaiting?: <T>(what: string, work: Promise<T>) => Promise<T>;
};

/** The variable that btcli keeps a file's password in: the absolute path in upper case, `/` and `.` as `_`. */
export function passwordVariable(absolutePath: string): string {
  return `BT_PW_${absolutePath.replace(/[/.]/g, "_")}`.toUpperCase();
}

/** A password as `BT_PW_…` holds it: XOR with the variable's name, in base64. Obfuscation, not protection. */
export function obfuscatePassword(password: string, variable: string): string {
  return Buffer.from(xorName(utf8(password), variable)).toString("base64");
}

/** The password in a `BT_PW_…` variable. Text that is no base64 of UTF-8 gives some other, wrong password. */
export function revealPassword(value: string, variable: string): string {
  return Buffer.from(xorName(Buffer.from(value, "base64"), variable)).toString("utf8");
}

/**
 * Finds the password for a file.
 *
 * @param what Names the file for the person who is asked: `coldkey of wallet "default"`.
 * @returns null if none is set, empty ones included, and nobody can be asked.
 * @throws {BtstoreError} `wallet` if there is a password file to be read and it cannot be.
 */
export async function findPassword(absolutePath: string, what: string, unlock: Unlock): Promise<string | null> {
  const { environment, passwordFile, askPassword } = unlock;
  if (passwordFile?.isFirst) return readPasswordFile(passwordFile.path);
  const plain = environment["BT_WALLET_PASSWORD"];
  if (plain) return plain;
  const variable = passwordVariable(absolutePath);
  const hidden = environment[variable];
  if (hidden) return revealPassword(hidden, variable);
  if (passwordFile) return readPasswordFile(passwordFile.path);
  return askPassword ? askPassword(what) : null;
}

/** The password in a file: all of it but one line end. */
async function readPasswordFile(path: string): Promise<string> {
  const action = "Cannot read the password";
  const bytes = await readKeyBytes(path, action);
  if (!bytes) throw new BtstoreError("wallet", `${action}: no file at "${path}"`);
  const password = new TextDecoder().decode(bytes).replace(/\r?\n$/, "");
  if (password === "") throw new BtstoreError("wallet", `${action}: the file "${path}" is empty`);
  return password;
}

function xorName(bytes: Uint8Array, variable: string): Uint8Array {
  const name = utf8(variable);
  return bytes.map((byte, index) => byte ^ name[index % name.length]!);
}
