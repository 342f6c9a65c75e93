/**
 * Where the password of an encrypted key file comes from (facts 1.5): `BT_WALLET_PASSWORD`, then the file's own
 * `BT_PW_…` variable, then whoever asks the person. Never a command line.
 */
import { utf8 } from "../core/mod.ts";

/** How encrypted key files are opened. */
export type Unlock = {
  /** The environment, as `process.env`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Asks the person; missing where nobody can be asked. `what` names the file's role. */
  readonly askPassword?: (what: string) => Promise<string>;
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
 * @returns null if no variable is set and nobody can be asked.
 */
export async function findPassword(absolutePath: string, what: string, unlock: Unlock): Promise<string | null> {
  const plain = unlock.environment["BT_WALLET_PASSWORD"];
  if (plain !== undefined) return plain;
  const variable = passwordVariable(absolutePath);
  const hidden = unlock.environment[variable];
  if (hidden !== undefined) return revealPassword(hidden, variable);
  return unlock.askPassword ? unlock.askPassword(what) : null;
}

function xorName(bytes: Uint8Array, variable: string): Uint8Array {
  const name = utf8(variable);
  return bytes.map((byte, index) => byte ^ name[index % name.length]!);
}
