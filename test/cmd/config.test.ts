import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { btstore, TerminalRun } from "./executable.ts";

const folder = mkdtempSync(join(tmpdir(), "btstore-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("btstore config show", () => {
  test("says what holds for every setting, and where it comes from", async () => {
    const config = file("show.toml", 'netuid = 7\nsize = "2GiB"\n[wallet]\nname = "filed"\nhotkey = "filed"\n');
    const { status, stdout, stderr } = await btstore(["config", "show", "--config", config], { BT_WALLET_NAME: "variable", BTSTORE_RESTART: "yes" });
    expect([status, stderr]).toEqual([0, ""]);
    for (const row of [/^wallet\.name +variable +variable BT_WALLET_NAME$/m, new RegExp(`^wallet\\.hotkey +filed +file ${config}$`, "m"), /^netuid +7 +file /m, /^size +2\.00 GiB +file /m, /^restart +on +variable BTSTORE_RESTART$/m, /^workers +10 +default$/m, /^audit +– +default$/m]) {
      expect(stdout).toMatch(row);
    }
    const { settings } = JSON.parse((await btstore(["config", "show", "--config", config, "--json"])).stdout) as { settings: { name: string }[] };
    expect(settings.find(({ name }) => name === "size")).toEqual({ name: "size", value: 2 ** 31, origin: "file", variable: null } as object as { name: string });
  });
});

describe("btstore config check", () => {
  test("names every fault, an unknown key with the closest one", async () => {
    const config = file("faults.toml", 'netuit = 7\nworkers = 0\n[wallet]\nname = "w"\nhotkye = "h"\n');
    const { status, stdout, stderr } = await btstore(["config", "check", "--config", config]);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain('Unknown key "netuit"');
    expect(stderr).toContain('did you mean "netuid"?');
    expect(stderr).toContain('did you mean "wallet.hotkey"?');
    expect(stderr).toContain('"0" is not a whole number from 1 to 1024');
  });

  test("counts what it understood and tells what a variable overrules", async () => {
    const config = file("good.toml", 'netuid = 7\n[wallet]\nname = "w"\n');
    const { status, stdout, stderr } = await btstore(["config", "check", "--config", config], { BTSTORE_NETUID: "8" });
    expect(status).toBe(0);
    expect(stdout).toBe(`"${config}": 2 settings, all understood\n`);
    expect(stderr).toContain('"netuid" is overruled by the variable BTSTORE_NETUID');
    expect(await btstore(["config", "check"])).toMatchObject({ status: 2, stderr: expect.stringContaining("--config") });
  });
});

describe("btstore config init", () => {
  test("writes what the flags say where nobody can be asked, and never over a file unless told", async () => {
    const path = join(folder, "scripted.toml");
    const init = (...words: string[]) => btstore(["config", "init", "--output", path, ...words]);
    expect(await init()).toMatchObject({ status: 2, stderr: expect.stringContaining("--no_prompt") });
    expect(await init("--no_prompt", "--size", "500GB", "--db_path", "/disk/bt", "--wallet.hotkey", "m1")).toMatchObject({ status: 0 });
    expect(Bun.TOML.parse(readFileSync(path, "utf8"))).toEqual({
      "wallet.name": "default", "wallet.hotkey": "m1", netuid: 1, "subtensor.network": "finney", db_path: ["/disk/bt"], size: "500GB", "axon.port": 8091,
    });
    expect(await init("--no_prompt")).toMatchObject({ status: 2, stderr: expect.stringContaining("--overwrite") });
    expect(await init("--no_prompt", "--overwrite", "--netuid", "9")).toMatchObject({ status: 0 });
    expect(readFileSync(path, "utf8")).toMatch(/^netuid = 9$/m);
    expect(await btstore(["config", "check", "--config", path])).toMatchObject({ status: 0 });
  });

  test("asks for each setting with its reason, and again where the answer cannot be meant", async () => {
    const path = join(folder, "asked.toml");
    const run = new TerminalRun(["config", "init", "--output", path]);
    for (const [question, answer] of [
      ["wallet.name [default]: ", "w"], ["wallet.hotkey [default]: ", ""], ["netuid [1]: ", "many"], ["netuid [1]: ", "42"], ["subtensor.network [finney]: ", "local"],
      ["db_path [~/bittensor-db]: ", "/a"], ["size [none]: ", ""], ["axon.port [8091]: ", ""],
    ]) {
      await run.shows(question!);
      run.type(`${answer}\r`);
    }
    const { status, output } = await run.ended();
    expect(status, output).toBe(0);
    expect(output).toContain('"many" is not a whole number');
    expect(Bun.TOML.parse(readFileSync(path, "utf8"))).toEqual({ "wallet.name": "w", "wallet.hotkey": "default", netuid: 42, "subtensor.network": "local", db_path: ["/a"], "axon.port": 8091 });
  });
});
