/** `btstore wallet …`: btcli's key files. Fresh words are shown once, on stdout, because that is what the command is for. */
import { BtstoreError } from "../lib/core/mod.ts";
import { createColdkey, createHotkey, type CreatedKey, describeWallet, keyFilesThere, type KeyKind, listWallets, type Unlock, type WalletLocation } from "../lib/wallet/mod.ts";
import { command, type Run } from "./command.ts";
import { unlockFor } from "./context.ts";
import type { FlagsOf } from "./flags.ts";
import { expandHome } from "./paths.ts";
import { print, printJson, table } from "./output.ts";
import { canAsk, confirm } from "./prompt.ts";
import { newPassword } from "./wallet_password.ts";
import { readKeyText } from "./wallet_secret.ts";

/** What making a key takes, whichever and however. */
type Making = Pick<Run<"wallet new-coldkey">, "signal" | "log" | "screen"> & {
  readonly origins: Pick<Run<"wallet new-coldkey">["origins"], "wallet.password_file">;
  readonly flags: Pick<FlagsOf<"wallet new-coldkey">, "wallet.name" | "wallet.path" | "wallet.password_file" | "overwrite" | "no_prompt" | "json">;
};
type NewColdkey = Making & { readonly flags: Pick<FlagsOf<"wallet new-coldkey">, "no_password"> };
type NewHotkey = Making & { readonly flags: Pick<FlagsOf<"wallet new-hotkey">, "wallet.hotkey" | "use_password"> };

export const newColdkey = command("wallet new-coldkey", (run) => makeColdkey(run));
export const newHotkey = command("wallet new-hotkey", (run) => makeHotkey(run));

export const regenColdkey = command("wallet regen-coldkey", (run) => makeColdkey(run, () => readKeyText(run.flags.mnemonic_file, run)));
export const regenHotkey = command("wallet regen-hotkey", (run) => makeHotkey(run, () => readKeyText(run.flags.mnemonic_file, run)));

export const list = command("wallet list", async ({ flags, log }: Run<"wallet list">) => {
  const folder = expandHome(flags["wallet.path"]);
  const wallets = await listWallets(folder);
  if (flags.json) return printJson({ path: folder, wallets });
  if (wallets.length === 0) return log.info(`No wallets in "${folder}"; make one with "btstore wallet new-coldkey"`);
  const rows = wallets.flatMap(({ name, coldkey, hotkeys }) => [
    [name, "", coldkey ?? "unknown: no coldkeypub.txt"],
    ...hotkeys.map((hotkey) => ["", hotkey.name, hotkey.ss58 ?? "unknown: encrypted or damaged"]),
  ]);
  print(table([{ heading: "WALLET" }, { heading: "HOTKEY" }, { heading: "ADDRESS" }], rows));
});

export const show = command("wallet show", async ({ flags }) => {
  const files = await describeWallet({ path: expandHome(flags["wallet.path"]), name: flags["wallet.name"], hotkey: flags["wallet.hotkey"] });
  if (flags.json) return printJson({ wallet: flags["wallet.name"], hotkey: flags["wallet.hotkey"], files });
  const words = { missing: "missing", plain: "plain", damaged: "damaged", nacl: "encrypted", ansible: "encrypted, old form", fernet: "encrypted, old form" };
  const rows = Object.entries(files).map(([role, { state, ss58, path }]) => [role, words[state], ss58 ?? "–", path]);
  print(table([{ heading: "KEY" }, { heading: "STATE" }, { heading: "ADDRESS" }, { heading: "FILE" }], rows));
});

async function makeColdkey(run: NewColdkey, readSecret?: () => Promise<string>): Promise<void> {
  const { flags, log } = run;
  const location = { path: expandHome(flags["wallet.path"]), name: flags["wallet.name"], hotkey: "default" };
  await make(run, "coldkey", location, createColdkey, !flags.no_password, readSecret);
  if (flags.no_password) log.warn("The coldkey is stored unencrypted: whoever reads the file owns its funds");
}

function makeHotkey(run: NewHotkey, readSecret?: () => Promise<string>): Promise<void> {
  const { flags } = run;
  const location = { path: expandHome(flags["wallet.path"]), name: flags["wallet.name"], hotkey: flags["wallet.hotkey"] };
  return make(run, "hotkey", location, createHotkey, flags.use_password, readSecret);
}

/** Asks for everything in the order in which it can fail, makes the key and shows it. */
async function make(run: Making, kind: KeyKind, location: WalletLocation, create: typeof createColdkey, isEncrypted: boolean, readSecret?: () => Promise<string>): Promise<void> {
  const { flags } = run;
  const unlock = unlockFor(run);
  const overwrite = await mayOverwrite(run, kind, location);
  const secret = await readSecret?.();
  const password = isEncrypted ? await newPassword(run, kind, location, unlock, kind === "coldkey" ? ", or --no_password to store the key unencrypted" : "") : null;
  const key = await create(location, { password, overwrite, ...(secret === undefined ? {} : { secret }), ...waiting(unlock) });
  present(key, kind, flags.json);
}

function waiting({ showWaiting }: Unlock): Pick<Unlock, "showWaiting"> {
  return showWaiting ? { showWaiting } : {};
}

/**
 * Whether key files that exist may be replaced. A person is asked, after `--overwrite`; a script says it with that flag alone.
 *
 * @throws {BtstoreError} "wallet" if they exist and the flag is missing, "cancelled" on a no.
 */
async function mayOverwrite({ flags, screen, signal }: Making, kind: KeyKind, location: WalletLocation): Promise<boolean> {
  const [there] = await keyFilesThere(location, kind);
  if (there === undefined) return false;
  if (!flags.overwrite) throw new BtstoreError("wallet", `Cannot make the ${kind}: "${there}" exists and is not overwritten without --overwrite`);
  if (!canAsk() || flags.no_prompt) return true;
  const answer = await confirm(screen, `Replace "${there}"? The key in it is lost unless its words are kept elsewhere`, "--no_prompt", signal);
  if (!answer) throw new BtstoreError("cancelled", `"${there}" is left as it is`);
  return true;
}

function present(key: CreatedKey, kind: KeyKind, isJson: boolean): void {
  if (isJson) return printJson({ address: key.ss58, path: key.path, ...(key.mnemonic === null ? {} : { mnemonic: key.mnemonic }) });
  print([`${kind === "coldkey" ? "Coldkey" : "Hotkey"} ${key.ss58}`, `File    ${key.path}`].join("\n"));
  if (key.mnemonic === null) return;
  print([
    "",
    `    ${key.mnemonic}`,
    "",
    "These words are the key. They are shown this once and stored nowhere else in readable form:",
    "write them down on paper. Whoever has them has the key; without them a lost file is lost for ever.",
  ].join("\n"));
}
