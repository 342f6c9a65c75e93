import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadColdkey, loadHotkey } from "../../lib/wallet/mod.ts";
import { btstore, TerminalRun } from "./executable.ts";

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
    const key = await loadColdkey({ path, name: "default", hotkey: "default" }, { environment });
    expect(String(key.ss58)).toBe(made.address);
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

  test("keeps the words out of stderr and of the log file", async () => {
    const logs = join(folder, "logs");
    const { stdout, stderr } = await btstore(["wallet", "new-hotkey", "--json", "--wallet.path", join(folder, "quiet"), "--logging.trace", "--logging.logging_dir", logs]);
    const { mnemonic } = JSON.parse(stdout) as { mnemonic: string };
    const logged = stderr + readFileSync(join(logs, "default/default/wallet-new-hotkey.log"), "utf8");
    expect(logged).not.toContain(mnemonic);
  });
});
