/** What `btstore wallet` asks for: new passwords, and words or seeds of keys that exist. Nothing of it is ever an argument. */
import { BtstoreError } from "../lib/core/mod.ts";
import { findPassword, type KeyKind, type Unlock, type WalletLocation, walletPaths } from "../lib/wallet/mod.ts";
import { readSecret } from "./prompt.ts";
import type { Screen } from "./screen.ts";

/** btcli refuses shorter ones too. */
const PASSWORD_CHARACTERS_MIN = 6;

type Tools = { readonly screen: Screen; readonly signal: AbortSignal };

/** What scripts set instead of typing. */
const PASSWORD_INSTEAD = "BT_WALLET_PASSWORD or --wallet.password_file";

/**
 * Finds the password to encrypt a key with: where {@link findPassword} looks, or typed twice without being shown.
 *
 * @param orElse What a script may do besides giving one, for the message; begins with a comma.
 * @throws {BtstoreError} "usage" if it is too short, if the two differ, or if nobody can be asked.
 */
export async function newPassword({ screen, signal }: Tools, kind: KeyKind, location: WalletLocation, unlock: Unlock, orElse = ""): Promise<string> {
  const action = `Cannot encrypt the ${kind}`;
  let typed: string | null = null;
  const askPassword = async () => (typed = (await readSecret(screen, `Password for the new ${kind}`, PASSWORD_INSTEAD + orElse, signal)).trim());
  const password = (await findPassword(walletPaths(location)[kind], kind, { ...unlock, askPassword }))!;
  const characters = [...password].length;
  if (characters < PASSWORD_CHARACTERS_MIN) throw new BtstoreError("usage", `${action}: the password has ${characters} characters, wanted at least ${PASSWORD_CHARACTERS_MIN}`);
  if (password !== password.trim()) {
    throw new BtstoreError("usage", `${action}: the password begins or ends with white space, which some wallet programs cut off and others do not`);
  }
  if (typed !== null && (await readSecret(screen, "The same again", PASSWORD_INSTEAD, signal)).trim() !== typed) {
    throw new BtstoreError("usage", `${action}: the two passwords differ`);
  }
  return password;
}
