/** `btstore wallet …`: btcli's key files. The new words are shown once, on stdout, because that is what the command is for. */
import { BtstoreError } from "../lib/core/mod.ts";
import { createColdkey, createHotkey, listWallets, type CreatedKey } from "../lib/wallet/mod.ts";
import { command, type Run } from "./command.ts";
import { expandHome } from "./paths.ts";
import { print, printJson, table } from "./output.ts";
import { readSecret } from "./prompt.ts";
import type { Screen } from "./screen.ts";

/** btcli refuses shorter ones too. */
const PASSWORD_CHARACTERS_MIN = 6;

const PASSWORD_INSTEAD = "BT_WALLET_PASSWORD, or --no_password to store the key unencrypted";

export const newColdkey = command("wallet new-coldkey", async ({ flags, signal, log, screen }) => {
  const location = { path: expandHome(flags["wallet.path"]), name: flags["wallet.name"], hotkey: "default" };
  const password = flags.no_password ? null : await newPassword(screen, signal);
  if (password === null) log.warn("The coldkey is stored unencrypted: whoever reads the file owns its funds");
  show(await createColdkey(location, { password, overwrite: flags.overwrite }), "Coldkey", flags.json);
});

export const newHotkey = command("wallet new-hotkey", async ({ flags }) => {
  const location = { path: expandHome(flags["wallet.path"]), name: flags["wallet.name"], hotkey: flags["wallet.hotkey"] };
  show(await createHotkey(location, { password: null, overwrite: flags.overwrite }), "Hotkey", flags.json);
});

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

/** A new password: from the environment, or typed twice without being shown. */
async function newPassword(screen: Screen, signal: AbortSignal): Promise<string> {
  const given = process.env["BT_WALLET_PASSWORD"];
  const password = (given ?? (await readSecret(screen, "Password for the new coldkey", PASSWORD_INSTEAD, signal))).trim();
  if (password.length < PASSWORD_CHARACTERS_MIN) {
    throw new BtstoreError("usage", `Cannot encrypt the coldkey: the password has ${password.length} characters, wanted at least ${PASSWORD_CHARACTERS_MIN}`);
  }
  if (given === undefined && (await readSecret(screen, "The same again", PASSWORD_INSTEAD, signal)).trim() !== password) {
    throw new BtstoreError("usage", "Cannot encrypt the coldkey: the two passwords differ");
  }
  return password;
}

function show(key: CreatedKey, kind: string, isJson: boolean): void {
  if (isJson) return printJson({ address: key.ss58, path: key.path, mnemonic: key.mnemonic });
  print([
    `${kind} ${key.ss58}`,
    `File    ${key.path}`,
    "",
    `    ${key.mnemonic}`,
    "",
    "These words are the key. They are shown this once and stored nowhere in readable form:",
    "write them down on paper. Whoever has them has the key; without them a lost file is lost for ever.",
  ].join("\n"));
}
