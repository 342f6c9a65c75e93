/**
 * Which of the ecosystem's encrypted forms a key file has, and how it is opened with a password.
 *
 * Tools disagree about white space around a password: prompts trim it, variables and arguments are taken as they are.
 * So the password is tried as given and then trimmed; new files are only made with passwords where both are the same.
 */
import { isAnsible, isFernet, openAnsible, openFernet } from "./legacy.ts";
import { isNacl, openNacl } from "./nacl.ts";

/** `nacl` is what everybody writes today. */
export type Encryption = "nacl" | "ansible" | "fernet";

const OPENERS: Readonly<Record<Encryption, (file: Uint8Array, password: string) => Promise<Uint8Array | null>>> = {
  nacl: openNacl,
  ansible: openAnsible,
  fernet: openFernet,
};

/** The encrypted form of a file; null for a plain one. */
export function encryptionOf(file: Uint8Array): Encryption | null {
  if (isNacl(file)) return "nacl";
  if (isAnsible(file)) return "ansible";
  return isFernet(file) ? "fernet" : null;
}

/**
 * Opens an encrypted file. Takes seconds, off the main thread.
 *
 * @returns The plain bytes, or null if the password is wrong or the file damaged.
 * @throws {BtstoreError} `memory` if the key derivation does not get its memory.
 */
export async function openEncrypted(file: Uint8Array, encryption: Encryption, password: string): Promise<Uint8Array | null> {
  const opened = await OPENERS[encryption](file, password);
  const trimmed = password.trim();
  return opened ?? (trimmed === password ? null : OPENERS[encryption](file, trimmed));
}
