/** `btstore wallet sign | verify | encrypt | decrypt`: what is done with a key that exists. */
import { BtstoreError, fromHex, type Ss58 } from "../lib/core/mod.ts";
import { cryptoReady, encodeSs58, loadColdkey, loadHotkey, messageBytes, parseSs58, rewriteKey, signatureText, verifyMessage, type KeyKind } from "../lib/wallet/mod.ts";
import { command } from "./command.ts";
import { unlockFor, walletLocation } from "./context.ts";
import { print, printJson } from "./output.ts";
import { confirm } from "./prompt.ts";
import { newPassword } from "./wallet_password.ts";

export const sign = command("wallet sign", async (run) => {
  const { flags } = run;
  const bytes = messageBytes(required("sign", "message", flags.message));
  if (bytes === null) throw new BtstoreError("usage", "Cannot sign: the message begins with 0x and is no hex; anything else is taken as text");
  const key = await (flags.use_hotkey ? loadHotkey : loadColdkey)(walletLocation(flags), unlockFor(run));
  const signature = signatureText(key, bytes);
  if (flags.json) return printJson({ address: key.ss58, signature });
  print(`Address    ${key.ss58}\nSignature  ${signature}`);
});

export const verify = command("wallet verify", async ({ flags }) => {
  const message = required("verify", "message", flags.message);
  const signature = required("verify", "signature", flags.signature);
  const signer = signerOf(required("verify", "address", flags.address));
  await cryptoReady();
  const form = verifyMessage(message, signature, signer);
  if (flags.json) printJson({ address: signer, isValid: form !== null, ...form });
  else if (form) print(`The signature is ${signer}'s, over the ${form.reading === "hex" ? "bytes" : "text"}${form.isWrapped ? " in <Bytes>" : ""}`);
  if (!form) throw new BtstoreError("wallet", `The signature is not ${signer}'s over this message`);
});

export const encrypt = command("wallet encrypt", async (run) => {
  const [kind, location, unlock] = [kindOf(run), walletLocation(run.flags), unlockFor(run)];
  const { ss58, path, before } = await rewriteKey(location, kind, unlock, () => newPassword(run, kind, location, unlock));
  if (run.flags.json) return printJson({ address: ss58, path, before: before ?? "plain", now: "nacl" });
  print(`${ss58} is encrypted now\nFile    ${path}`);
});

export const decrypt = command("wallet decrypt", async (run) => {
  const { flags, screen, signal } = run;
  const kind = kindOf(run);
  if (!flags.no_prompt && !(await confirm(screen, `Store the ${kind} of wallet "${flags["wallet.name"]}" unencrypted? Whoever reads the file then has the key`, "--no_prompt", signal))) {
    throw new BtstoreError("cancelled", `The ${kind} is left as it is`);
  }
  const { ss58, path, before } = await rewriteKey(walletLocation(flags), kind, unlockFor(run), null);
  if (flags.json) return printJson({ address: ss58, path, before: before ?? "plain", now: "plain" });
  print(`${ss58} is stored unencrypted now\nFile    ${path}`);
});

function kindOf({ flags }: { readonly flags: { readonly use_hotkey: boolean } }): KeyKind {
  return flags.use_hotkey ? "hotkey" : "coldkey";
}

function required(action: string, flag: string, value: string | null): string {
  if (value === null) throw new BtstoreError("usage", `Cannot ${action}: --${flag} is missing`);
  return value;
}

/** An address, or a public key in hex. */
function signerOf(text: string): Ss58 {
  const address = /^0x[0-9a-fA-F]{64}$/.test(text) ? encodeSs58(fromHex(text)) : parseSs58(text);
  if (!address) throw new BtstoreError("usage", "Cannot verify: --address is neither an address with prefix 42 nor a public key of 64 hex digits behind 0x");
  return address;
}
