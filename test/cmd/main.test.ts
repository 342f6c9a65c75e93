import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { version } from "../../package.json";
import { EXISTING } from "../../cmd/commands.ts";
import { flagsFor } from "../../cmd/flags.ts";
import { EXIT_STATUSES } from "../../cmd/status.ts";
import { SEAL_PROFILE } from "../../lib/core/mod.ts";
import { cpuLevel } from "../../lib/native/mod.ts";
import { btstore, cleanEnvironment, EXECUTABLE, TerminalRun } from "./executable.ts";

const folder = mkdtempSync(join(tmpdir(), "btstore-main-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("btstore --help", () => {
  test("lists every command and every exit status on stdout", async () => {
    const { status, stdout, stderr } = await btstore(["--help"]);
    expect([status, stderr]).toEqual([0, ""]);
    for (const name of EXISTING) expect(stdout).toContain(`  ${name} `);
    for (const [number, meaning] of EXIT_STATUSES) expect(stdout).toMatch(new RegExp(`^  ${number} +${meaning}$`, "m"));
  });

  test("of a command shows each of its flags and nobody else's", async () => {
    for (const name of EXISTING) {
      const { status, stdout } = await btstore([...name.split(" "), "--help"]);
      expect(status).toBe(0);
      const shown = [...stdout.matchAll(/^ {2}--(\S+)/gm)].map((match) => match[1]!);
      expect(shown, name).toEqual(flagsFor(name).map(([flag]) => flag));
    }
  });

  test("loads no command: help comes even where the flags are wrong", async () => {
    expect(await btstore(["wallet", "list", "--nonsense", "-h"])).toMatchObject({ status: 0, stderr: "" });
  });

  test("colours nothing and fits 100 columns in a pipe", async () => {
    const { stdout } = await btstore(["wallet", "new-coldkey", "--help"]);
    expect(stdout).not.toContain("\x1b");
    for (const line of stdout.split("\n").slice(2)) if (!line.startsWith("Flags")) expect(line.length, line).toBeLessThanOrEqual(100);
  });

  test("--version names version, commit, seal profile and CPU level", async () => {
    const { status, stdout, stderr } = await btstore(["--version"]);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^btstore (\S+) \((?:[0-9a-f]{7,40}(?: changed)?|unknown commit)\), seal profile (\S+), CPU level (\S+)\n$/);
    for (const fact of [`btstore ${version} `, ` ${SEAL_PROFILE.name},`, ` ${cpuLevel()}\n`]) expect(stdout).toContain(fact);
  });
});

describe("usage errors", () => {
  test("end with status 2, on stderr only, and name what was meant", async () => {
    for (const [words, message] of [
      [[], "No command given"],
      [["wallte"], 'Unknown command "wallte": did you mean "wallet"?'],
      [["wallet"], "No command given"],
      [["wallet", "lsit"], 'Unknown command "wallet lsit": did you mean "wallet list"?'],
      [["--json", "wallet", "list"], "flags come after the command"],
      [["wallet", "list", "--jsn"], 'Unknown flag "--jsn": did you mean "--json"?'],
      [["wallet", "list", "--wallet.path"], "its value is missing"],
      [["wallet", "list", "stray"], '"stray"'],
      [["toString"], 'Unknown command "toString"'],
    ] as const) {
      const { status, stdout, stderr } = await btstore(words);
      expect([status, stdout], words.join(" ")).toEqual([2, ""]);
      expect(stderr).toContain(message);
    }
  });

  test("a question without a terminal names the flag that answers it", async () => {
    const { status, stderr } = await btstore(["wallet", "new-coldkey", "--wallet.path", folder]);
    expect(status).toBe(2);
    expect(stderr).toContain("--no_password");
  });
});

describe("the process", () => {
  test("says nothing when the reader of its output goes away", async () => {
    const child = Bun.spawn(["bash", "-c", `"$0" --help | true; echo "\${PIPESTATUS[0]}"`, EXECUTABLE], { env: cleanEnvironment(), stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    // Whoever is faster: all was written before the reader went, or not.
    expect(["0\n", "141\n"]).toContain(stdout);
    expect(stderr).toBe("");
  });

  test("ends on Ctrl-C at a question with 130, on SIGTERM with 143", async () => {
    for (const [stop, status] of [[(run: TerminalRun) => run.type("\x03"), 130], [(run: TerminalRun) => run.kill("SIGINT"), 130], [(run: TerminalRun) => run.kill("SIGTERM"), 143]] as const) {
      const run = new TerminalRun(["wallet", "new-coldkey", "--wallet.path", join(folder, "stopped")]);
      await run.shows("Password for the new coldkey: ");
      stop(run);
      const ended = await run.ended();
      expect(ended.status).toBe(status);
      expect(ended.output).toContain("Stopped by");
    }
  });

  test("does not read .env or bunfig.toml of the current folder", async () => {
    writeFileSync(join(folder, ".env"), "BTSTORE_JSON=true\n");
    writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
    writeFileSync(join(folder, "evil.ts"), 'console.log("evil");\n');
    const { status, stdout, stderr } = await btstore(["wallet", "list", "--wallet.path", join(folder, "none")], {}, folder);
    expect([status, stdout]).toEqual([0, ""]);
    expect(stderr).toContain("No wallets");
  });

  test("writes its log to --logging.logging_dir, and as JSON to stderr with --logging.json", async () => {
    const logs = join(folder, "logs");
    const { stderr } = await btstore(["wallet", "list", "--wallet.path", join(folder, "none"), "--logging.json", "--logging.logging_dir", logs]);
    const line = JSON.parse(stderr) as Record<string, string>;
    expect(line).toMatchObject({ level: "info", message: expect.stringContaining("No wallets") });
    expect(JSON.parse(readFileSync(join(logs, "wallet-list.log"), "utf8"))).toEqual(line);
  });

  test("refuses a log folder that cannot be made, with the status of the disk", async () => {
    writeFileSync(join(folder, "file"), "");
    expect(await btstore(["wallet", "list", "--logging.logging_dir", join(folder, "file")])).toMatchObject({ status: 7 });
  });
});

describe("an unexpected error", () => {
  /** Runs `wallet list` from source after a file of this text, which breaks something. */
  async function runBroken(name: string, text: string, words: readonly string[] = []) {
    const breaker = join(folder, `${name}.ts`);
    writeFileSync(breaker, text);
    const main = join(import.meta.dir, "../../cmd/main.ts");
    const child = Bun.spawn([process.execPath, "--preload", breaker, main, "wallet", "list", "--wallet.path", folder, ...words], { env: cleanEnvironment(), stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
    return { stdout, stderr, status };
  }
  const THROWN = 'Bun.stringWidth = () => { throw new TypeError("broken on purpose"); };';
  const REJECTED = 'Bun.stringWidth = () => { void Promise.reject(new TypeError("broken on purpose")); return 1; };';

  test("ends with status 1 and a sentence, thrown or rejected somewhere", async () => {
    for (const [name, text] of [["thrown", THROWN], ["rejected", REJECTED]] as const) {
      const { status, stderr } = await runBroken(name, text);
      expect(status, name).toBe(1);
      expect(stderr).toContain("Unexpected error: broken on purpose");
      expect(stderr).not.toContain("    at ");
    }
  });

  test("shows where it happened with --logging.debug", async () => {
    const { status, stderr } = await runBroken("debug", THROWN, ["--logging.debug"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/at .*debug\.ts:1/);
  });
});
