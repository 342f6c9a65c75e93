import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXISTING } from "../../cmd/commands.ts";
import { FLAGS, flagsFor } from "../../cmd/flags.ts";
import { btstore, cleanEnvironment } from "./executable.ts";

const folder = mkdtempSync(join(tmpdir(), "btstore-complete-"));
const scripts = new Map<string, string>();
beforeAll(async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { status, stdout, stderr } = await btstore(["completions", shell]);
    expect([status, stderr], shell).toEqual([0, ""]);
    scripts.set(shell, stdout);
  }
  for (const [wallet, hotkeys] of [["main", ["m1", "m2"]], ["other wallet", ["v1"]]] as const) {
    mkdirSync(join(folder, "wallets", wallet, "hotkeys"), { recursive: true });
    for (const hotkey of hotkeys) for (const suffix of ["", "pub.txt"]) writeFileSync(join(folder, "wallets", wallet, "hotkeys", hotkey + suffix), "");
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What bash offers for the last of the words, through the function that `complete` registered. */
async function offers(...words: string[]): Promise<string[]> {
  const program = [
    scripts.get("bash")!,
    '[[ $(complete -p btstore) == "complete -F _btstore btstore" ]] || exit 9',
    'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _btstore',
    `[[ \${#COMPREPLY[@]} == 0 ]] || printf '%s\\n' "\${COMPREPLY[@]}"`,
  ].join("\n");
  const child = Bun.spawn(["bash", "--norc", "-c", program, "bash", "btstore", ...words], { env: cleanEnvironment({ BT_WALLET_PATH: join(folder, "wallets") }), cwd: folder, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  expect([status, stderr], words.join(" ")).toEqual([0, ""]);
  return stdout.split("\n").slice(0, -1);
}

describe("btstore completions bash", () => {
  test("offers commands, the words behind a group, and each command's own flags", async () => {
    expect(await offers("va")).toEqual(["validate"]);
    expect(await offers("wallet", "new-")).toEqual(["new-coldkey", "new-hotkey"]);
    expect(await offers("completions", "")).toEqual(["bash", "zsh", "fish", "--help"]);
    for (const name of EXISTING) expect(await offers(...name.split(" "), "--"), name).toEqual([...flagsFor(name).map(([flag]) => `--${flag}`), "--help"]);
  });

  test("offers what a flag takes: choices, networks, files, nothing for a number", async () => {
    expect(await offers("devnet", "--cheat", "")).toEqual([...FLAGS.cheat.type.choices]);
    expect(await offers("mine", "--subtensor-network", "f")).toEqual(["finney"]);
    expect(await offers("mine", "--db_path", "wal")).toEqual(["wallets"]);
    expect(await offers("mine", "--netuid", "")).toEqual([]);
    expect(await offers("mine", "--subtensor.network", "=", "te")).toEqual(["test"]);
  });

  test("offers the wallets there are, and the hotkeys of the one that was named", async () => {
    expect(await offers("mine", "--wallet.name", "")).toEqual(["main", "other wallet"]);
    expect(await offers("mine", "--wallet.name", "main", "--wallet.hotkey", "")).toEqual(["m1", "m2"]);
    expect(await offers("mine", "--wallet.name", "other wallet", "--wallet.hotkey", "")).toEqual(["v1"]);
    expect(await offers("mine", "--wallet.path", join(folder, "nowhere"), "--wallet.name", "")).toEqual([]);
  });
});

describe("btstore completions zsh, fish", () => {
  test("name every command and flag; their shells are not run here", () => {
    for (const shell of ["zsh", "fish"]) {
      for (const name of EXISTING) for (const [flag] of flagsFor(name)) expect(scripts.get(shell), `${shell} ${name}`).toContain(shell === "zsh" ? `'--${flag}:` : `'__btstore_at ${name}' -l ${flag}`);
    }
  });
});
