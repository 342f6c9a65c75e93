import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { findPassword } from "../../lib/wallet/mod.ts";
import { obfuscatePassword, passwordVariable, revealPassword } from "../../lib/wallet/password.ts";

const root = mkdtempSync(join(tmpdir(), "btstore-password-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const KEY = "/home/u/.bittensor/wallets/default/coldkey";
const VARIABLE = "BT_PW__HOME_U__BITTENSOR_WALLETS_DEFAULT_COLDKEY";

function file(name: string, content: string | Uint8Array): string {
  const path = join(root, name);
  writeFileSync(path, content);
  return path;
}

describe("passwordVariable()", () => {
  test("names and fills the variable as btcli does (recorded vector)", () => {
    expect(passwordVariable(KEY)).toBe(VARIABLE);
    expect(obfuscatePassword("hunter2 pass", VARIABLE)).toBe("KiExJDItbWg/LDYs");
    expect(revealPassword("KiExJDItbWg/LDYs", VARIABLE)).toBe("hunter2 pass");
  });

  test("goes both ways for every password", () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), (password) => expect(revealPassword(obfuscatePassword(password, VARIABLE), VARIABLE)).toBe(password.toWellFormed())));
  });
});

describe("findPassword()", () => {
  const passwordFile = (isFirst: boolean) => ({ path: file("password", "of the file\n"), isFirst });
  const askPassword = async (what: string) => `typed for ${what}`;
  const all = { BT_WALLET_PASSWORD: "plain", [VARIABLE]: obfuscatePassword("hidden", VARIABLE) };

  test("looks into a file that was typed, the two variables, a file named otherwise, and asks last", async () => {
    const find = (environment: Record<string, string>, isFirst: boolean | null) =>
      findPassword(KEY, "it", { environment, askPassword, ...(isFirst === null ? {} : { passwordFile: passwordFile(isFirst) }) });
    expect(await find(all, true)).toBe("of the file");
    expect(await find(all, false)).toBe("plain");
    expect(await find({ ...all, BT_WALLET_PASSWORD: "" }, false)).toBe("hidden");
    expect(await find({}, false)).toBe("of the file");
    expect(await find({ BT_WALLET_PASSWORD: "", [VARIABLE]: "" }, null)).toBe("typed for it");
    expect(await findPassword(KEY, "it", { environment: {} })).toBeNull();
  });

  test("takes of a file all but one line end, and refuses an empty, a missing and an endless one", async () => {
    const read = (path: string) => findPassword(KEY, "it", { environment: {}, askPassword, passwordFile: { path, isFirst: true } });
    expect(await read(file("windows", "pass word \r\n"))).toBe("pass word ");
    expect(await read(file("two", "a\n\n"))).toBe("a\n");
    for (const path of [file("empty", "\n"), join(root, "missing"), file("endless", new Uint8Array(70_000)), root]) {
      await expect(read(path), path).rejects.toThrow(/^Cannot read the password: /);
    }
  });
});
