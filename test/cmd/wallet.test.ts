import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadHotkey } from "../../lib/wallet/mod.ts";
import { obfuscatePassword, passwordVariable } from "../../lib/wallet/password.ts";
import { ansible } from "../wallet/vault.ts";
import { btstore, TerminalRun } from "./executable.ts";

const WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const ADDRESS = "5EHgWw2Af1pnoc7f1A8bfmM97W3DAYW8xr82RfhLL9oAabAe";

const folder = mkdtempSync(join(tmpdir(), "btstore-wallet-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Makes a key with --json and gives its facts. */
async function make(kind: "new-coldkey" | "new-hotkey", words: readonly string[], environment: Record<string, string> = {}): Promise<{ address: string; path: string; mnemonic: string }> {
  const { status, stdout, stderr } = await btstore(["wallet", kind, "--json", ...words], environment);
  expect(status, stderr).toBe(0);
  expect(stdout.trimEnd()).not.toContain("\n");
  return JSON.parse(stdout);
}

describe("btstore wallet", () => {
  test("new-hotkey writes a key that loadHotkey() opens, for its owner only", async () => {
    const path = join(folder, "hot");
    const made = await make("new-hotkey", ["--wallet.path", path, "--wallet.name", "w", "--wallet.hotkey", "h1"]);
    const key = await loadHotkey({ path, name: "w", hotkey: "h1" });
    expect(String(key.ss58)).toBe(made.address);
    expect(made.path).toBe(join(path, "w/hotkeys/h1"));
    expect(statSync(made.path).mode & 0o777).toBe(0o600);
    expect(made.mnemonic.split(" ")).toHaveLength(12);
  });

  test("new-coldkey --no_password writes it plain and warns", async () => {
    const path = join(folder, "plain");
    const { status, stdout, stderr } = await btstore(["wallet", "new-coldkey", "--no-password", "--json"], { BT_WALLET_PATH: path });
    expect(status).toBe(0);
    expect(stderr).toContain("unencrypted");
    expect(readFileSync(join(path, "default/coldkey"), "utf8")).toContain((JSON.parse(stdout) as { address: string }).address);
  });

  test("new-coldkey encrypts with BT_WALLET_PASSWORD", async () => {
    const path = join(folder, "encrypted");
    const environment = { BT_WALLET_PASSWORD: "correct horse" };
    const made = await make("new-coldkey", ["--wallet-path", path], environment);
    expect(readFileSync(made.path, "latin1")).toStartWith("$NACL");
    expect(readFileSync(join(path, "default/coldkeypub.txt"), "utf8")).toContain(made.address);
  }, 60_000);

  test("new-coldkey asks twice without showing what is typed, and refuses two that differ", async () => {
    const path = join(folder, "typed");
    const run = new TerminalRun(["wallet", "new-coldkey", "--wallet.path", path]);
    await run.shows("Password for the new coldkey: ");
    run.type("hidden-one\r");
    await run.shows("The same again: ");
    run.type("hidden-two\r");
    const { status, output } = await run.ended();
    expect(status).toBe(2);
    expect(output).toContain("the two passwords differ");
    expect(output).not.toContain("hidden");
    expect(readdirSync(folder)).not.toContain("typed");
  });

  test("refuses a password of five characters and takes none from the command line", async () => {
    const path = join(folder, "short");
    expect(await btstore(["wallet", "new-coldkey", "--wallet.path", path], { BT_WALLET_PASSWORD: "12345" })).toMatchObject({ status: 2, stdout: "" });
    expect(await btstore(["wallet", "new-coldkey", "--wallet.path", path, "--password", "secret12"])).toMatchObject({ status: 2 });
  });

  test("never overwrites a key unless told", async () => {
    const words = ["--wallet.path", join(folder, "twice"), "--wallet.hotkey", "h"];
    const first = await make("new-hotkey", words);
    const { status, stderr } = await btstore(["wallet", "new-hotkey", ...words]);
    expect(status).toBe(3);
    expect(stderr).toContain("exists");
    expect(readFileSync(first.path, "utf8")).toContain(first.address);
    const second = await make("new-hotkey", [...words, "--overwrite"]);
    expect(readFileSync(second.path, "utf8")).toContain(second.address);
    expect(second.address).not.toBe(first.address);
  });

  test("refuses names that leave the folder", async () => {
    expect(await btstore(["wallet", "new-hotkey", "--wallet.path", folder, "--wallet.hotkey", "../x"])).toMatchObject({ status: 2, stdout: "" });
  });

  test("list shows names and addresses, as a table and as JSON", async () => {
    const path = join(folder, "list");
    const cold = await btstore(["wallet", "new-coldkey", "--no_password", "--json", "--wallet.path", path, "--wallet.name", "a"]);
    const hot = await make("new-hotkey", ["--wallet.path", path, "--wallet.name", "a", "--wallet.hotkey", "h"]);
    const address = (JSON.parse(cold.stdout) as { address: string }).address;
    const { stdout } = await btstore(["wallet", "list", "--wallet.path", path]);
    expect(stdout.split("\n").map((line) => line.split(/\s+/))).toEqual([["WALLET", "HOTKEY", "ADDRESS"], ["a", address], ["", "h", hot.address], [""]]);
    const listed = await btstore(["wallet", "list", "--json", "--wallet.path", path]);
    expect(JSON.parse(listed.stdout)).toEqual({ path, wallets: [{ name: "a", coldkey: address, hotkeys: [{ name: "h", ss58: hot.address }] }] });
  });

  test("regen-… makes the same key again from stdin or a file, without showing the words, and reads no words from the command line", async () => {
    const path = join(folder, "regen");
    const words = join(folder, "words.txt");
    writeFileSync(words, `${WORDS}\n`);
    const seed = "6fa2796b0071cac425d8a7851038318c2c37dcebfe4bae73197ce93e75909bd2";
    const runs = [
      await btstore(["wallet", "regen-hotkey", "--json", "--wallet.path", path, "--mnemonic_file", words]),
      await btstore(["wallet", "regen-hotkey", "--json", "--wallet.path", path, "--wallet.hotkey", "seed"], {}, undefined, seed),
      await btstore(["wallet", "regen-coldkey", "--json", "--wallet.path", path, "--no_password"], {}, undefined, `  ${WORDS.toUpperCase()}\r\n`),
    ];
    for (const { status, stdout, stderr } of runs) {
      expect(status, stderr).toBe(0);
      expect(JSON.parse(stdout)).toEqual({ address: ADDRESS, path: expect.stringContaining(path) });
      expect(stdout + stderr).not.toContain("legal");
    }
    for (const input of ["", "legal winner", "x".repeat(5000)]) {
      const { status, stderr } = await btstore(["wallet", "regen-hotkey", "--wallet.path", path, "--wallet.hotkey", "bad"], {}, undefined, input);
      expect(status, stderr).toBe(2);
      expect(stderr).not.toContain("legal");
    }
    expect(await btstore(["wallet", "regen-hotkey", "--wallet.path", path, "--mnemonic", WORDS])).toMatchObject({ status: 2, stdout: "" });
  });

  test("regen-hotkey asks for the words without showing them, and before it replaces a key", async () => {
    const words = ["wallet", "regen-hotkey", "--wallet.path", join(folder, "regen-typed")];
    const first = await make("new-hotkey", words.slice(2));
    const refused = new TerminalRun([...words, "--overwrite"]);
    await refused.shows("[y/N] ");
    refused.type("n\r");
    expect(await refused.ended()).toMatchObject({ status: 130 });
    expect(readFileSync(first.path, "utf8")).toContain(first.address);
    const run = new TerminalRun([...words, "--overwrite"]);
    await run.shows("[y/N] ");
    run.type("y\r");
    await run.shows("Words or seed of the key: ");
    run.type(`${WORDS}\r`);
    const { status, output } = await run.ended();
    expect(status).toBe(0);
    expect(output).not.toContain("legal");
    expect(readFileSync(first.path, "utf8")).toContain(ADDRESS);
  });

  test("sign and verify agree, for text and hex, and a wrong signature ends with 3", async () => {
    const path = join(folder, "sign");
    const { address } = await make("new-hotkey", ["--wallet.path", path]);
    const check = (message: string, signature: string, signer = address) => btstore(["wallet", "verify", "--json", "--message", message, "--signature", signature, "--address", signer]);
    for (const message of ["hello", "0x68656c6c6f"]) {
      const { stdout, status } = await btstore(["wallet", "sign", "--json", "--use_hotkey", "--wallet.path", path, `--message=${message}`]);
      expect(status).toBe(0);
      const made = JSON.parse(stdout) as { address: string; signature: string };
      expect(made).toEqual({ address, signature: expect.stringMatching(/^0x[0-9a-f]{128}$/) });
      const verified = await check("hello", made.signature);
      expect([verified.status, JSON.parse(verified.stdout)]).toEqual([0, { address, isValid: true, reading: "text", isWrapped: false }]);
      const wrong = await check("hell", made.signature);
      expect([wrong.status, JSON.parse(wrong.stdout)]).toEqual([3, { address, isValid: false }]);
      expect((await check("hello", made.signature, ADDRESS)).status).toBe(3);
      expect((await check("hello", made.signature, "nobody")).status).toBe(2);
    }
    for (const words of [["sign", "--use_hotkey"], ["sign", "--message", "0xzz"], ["verify", "--message", "x"]]) expect((await btstore(["wallet", ...words])).status, words.join(" ")).toBe(2);
    const cold = await btstore(["wallet", "sign", "--message", "x", "--wallet.path", path]);
    expect(cold.status).toBe(3);
    expect(cold.stderr).toContain('a hotkey and "coldkeypub.txt" are enough');
  });

  test("opens an old encrypted key with each password there is, and with a typed one it does not show", async () => {
    const path = join(folder, "old");
    mkdirSync(join(path, "default/hotkeys"), { recursive: true });
    const file = join(path, "default/hotkeys/default");
    writeFileSync(file, ansible(JSON.stringify({ secretPhrase: WORDS }), "old password"));
    const given = join(folder, "password.txt");
    writeFileSync(given, "old password\n");
    const words = ["wallet", "sign", "--use_hotkey", "--message", "x", "--wallet.path", path];
    const variable = passwordVariable(file);
    const cases: [readonly string[], Record<string, string>, number][] = [
      [[], {}, 3],
      [[], { BT_WALLET_PASSWORD: "old password" }, 0],
      [[], { [variable]: obfuscatePassword("old password", variable) }, 0],
      [[], { BT_WALLET_PASSWORD_FILE: given }, 0],
      [["--wallet.password_file", given], { BT_WALLET_PASSWORD: "another one" }, 0],
      [[], { BT_WALLET_PASSWORD: "another one", BT_WALLET_PASSWORD_FILE: given }, 3],
      [["--wallet.password_file", join(folder, "nowhere")], {}, 3],
    ];
    for (const [more, environment, wanted] of cases) {
      const { status, stdout, stderr } = await btstore([...words, ...more], environment);
      expect(status, `${Object.keys(environment)} ${more} ${stderr}`).toBe(wanted);
      expect(stdout + stderr).not.toMatch(/old password|another one|legal/);
    }
    const run = new TerminalRun(words);
    await run.shows('Password for the hotkey "default" of wallet "default": ');
    run.type("old password\r");
    const { status, output } = await run.ended();
    expect(status).toBe(0);
    expect(output).not.toContain("old password");
    const shown = JSON.parse((await btstore(["wallet", "show", "--json", "--wallet.path", path])).stdout) as { files: Record<string, { state: string }> };
    expect(Object.entries(shown.files).map(([role, { state }]) => [role, state])).toEqual([["coldkey", "missing"], ["coldkeypub", "missing"], ["hotkey", "ansible"], ["hotkeypub", "missing"]]);
  });

  test("encrypt stores an old form as btcli does now, and decrypt stores it plain after a question", async () => {
    const path = join(folder, "rewrite");
    mkdirSync(join(path, "default/hotkeys"), { recursive: true });
    const file = join(path, "default/hotkeys/default");
    writeFileSync(file, ansible(JSON.stringify({ secretPhrase: WORDS }), "old password"));
    const words = (verb: string) => ["wallet", verb, "--json", "--use_hotkey", "--wallet.path", path];
    const environment = { BT_WALLET_PASSWORD: "old password" };
    const encrypted = await btstore(words("encrypt"), environment);
    expect(JSON.parse(encrypted.stdout)).toEqual({ address: ADDRESS, path: file, before: "ansible", now: "nacl" });
    expect(readFileSync(file, "latin1")).toStartWith("$NACL");
    expect((await btstore(words("encrypt"), environment)).status).toBe(3);
    expect(await btstore(words("decrypt"), environment)).toMatchObject({ status: 2, stdout: "" });
    const run = new TerminalRun(words("decrypt"), environment);
    await run.shows("[y/N] ");
    run.type("y\r");
    const { status, output } = await run.ended();
    expect(status, output).toBe(0);
    expect(output).toContain('Opening the hotkey "default" of wallet "default" …');
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ ss58Address: ADDRESS, secretPhrase: WORDS });
  }, 60_000);

  test("is stopped by Ctrl-C while a key is derived, and says nothing of the password", async () => {
    const path = join(folder, "slow");
    mkdirSync(join(path, "default"), { recursive: true });
    writeFileSync(join(path, "default/coldkey"), `$NACL${"x".repeat(100)}`);
    const run = new TerminalRun(["wallet", "sign", "--message", "x", "--wallet.path", path], { BT_WALLET_PASSWORD: "old password" });
    await run.shows('Opening the coldkey of wallet "default" …\r\n');
    run.type("\x03");
    const { status, output } = await run.ended();
    expect(status).toBe(130);
    expect(output).not.toContain("the password is wrong");
    expect(output).not.toContain("old password");
  }, 60_000);

  test("keeps the words out of stderr and of the log file", async () => {
    const logs = join(folder, "logs");
    const { stdout, stderr } = await btstore(["wallet", "new-hotkey", "--json", "--wallet.path", join(folder, "quiet"), "--logging.trace", "--logging.logging_dir", logs]);
    const { mnemonic } = JSON.parse(stdout) as { mnemonic: string };
    const logged = stderr + readFileSync(join(logs, "default/default/wallet-new-hotkey.log"), "utf8");
    expect(logged).not.toContain(mnemonic);
  });
});
