import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { chainChoice, onlyLocation, walletLocation } from "../../cmd/context.ts";
import { logFile, openLog } from "../../cmd/log.ts";
import { table, toJson } from "../../cmd/output.ts";
import { parseCommandLine } from "../../cmd/parse.ts";
import { expandHome } from "../../cmd/paths.ts";
import { Screen } from "../../cmd/screen.ts";
import { exitStatus, EXIT_STATUSES } from "../../cmd/status.ts";
import { BtstoreError } from "../../lib/core/mod.ts";

const folder = mkdtempSync(join(tmpdir(), "btstore-output-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Collects what a log prints. */
function collect(options: { level?: "info" | "debug" | "trace"; isJson?: boolean; file?: string | null }) {
  const lines: string[] = [];
  const screen = new Screen({ write: (text: string) => lines.push(text) });
  return { lines, log: openLog(screen, { level: "info", isJson: false, file: null, ...options }) };
}

describe("openLog()", () => {
  test("prints time, level, message and fields for people", () => {
    const { lines, log } = collect({});
    log.warn("The disk is slow", { ms: 12, disk: "/a", share: null, big: 2n ** 64n });
    expect(lines.join("")).toMatch(/^\d\d:\d\d:\d\d warn  The disk is slow ms=12 disk=\/a share=null big=18446744073709551616\n$/);
  });

  test("prints one JSON object per line", () => {
    const { lines, log } = collect({ isJson: true });
    log.error("Two\nlines", { big: 7n, message: "no field replaces the message" });
    expect(lines.join("").trimEnd().split("\n")).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toEqual({ time: expect.any(String), level: "error", message: "Two\nlines", big: "7" });
  });

  test("prints what its level allows and everything below only when asked", () => {
    for (const [level, count] of [["info", 3], ["debug", 4], ["trace", 5]] as const) {
      const { lines, log } = collect({ level });
      for (const say of [log.error, log.warn, log.info, log.debug, log.trace]) say("x");
      expect(lines, level).toHaveLength(count);
    }
  });

  test("lets nothing through that steers a terminal", () => {
    const { lines, log } = collect({});
    log.info("a\x1b[2Jb\rc\u009bd", { field: "e\x07f" });
    expect(lines.join("")).toEndWith("a?[2Jb?c?d field=e?f\n");
  });

  test("says the same line many times when told so many times", () => {
    const { lines, log } = collect({});
    for (let i = 0; i < 20; i++) log.info("same");
    expect(lines).toHaveLength(20);
  });

  test("appends to its file and sets a file aside that has grown past its bound", () => {
    const file = join(folder, "deep/er/x.log");
    collect({ file }).log.info("one");
    collect({ file }).log.info("two");
    expect(readFileSync(file, "utf8").trimEnd().split("\n").map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(["one", "two"]);
    truncateSync(file, 64 * 2 ** 20 + 1);
    collect({ file }).log.info("three");
    expect(readFileSync(file, "utf8").trimEnd().split("\n")).toHaveLength(1);
    expect(readFileSync(`${file}.1`).length).toBe(64 * 2 ** 20 + 1);
  });
});

describe("a log file that can no longer be written", () => {
  test("does not stop the log", () => {
    const file = join(folder, "lost/x.log");
    const { lines, log } = collect({ file });
    rmSync(join(folder, "lost"), { recursive: true });
    log.info("still said");
    expect(lines.join("")).toContain("still said");
    expect(lines.join("")).toContain("Cannot write the log file");
  });
});

describe("logFile()", () => {
  test("follows wallet, hotkey and subnet where the command has them", () => {
    expect(logFile("mine", parseCommandLine("mine", ["--logging.logging_dir", "/l", "--wallet.name", "a/b"], {}).flags)).toBe("/l/a_b/default/netuid1/mine.log");
    expect(logFile("wallet list", parseCommandLine("wallet list", ["--logging.logging_dir", "/l"], {}).flags)).toBe("/l/wallet-list.log");
    expect(logFile("wallet list", parseCommandLine("wallet list", [], {}).flags)).toBeNull();
  });
});

describe("table() and toJson()", () => {
  test("table() aligns by what is seen, not by bytes", () => {
    const text = table([{ heading: "NAME" }, { heading: "SIZE", align: "right" }], [["\x1b[31ma\x1b[39m", "1"], ["漢字漢", "1000000"]]);
    expect(text).toBe("NAME       SIZE\n\x1b[31ma\x1b[39m             1\n漢字漢  1000000");
  });

  test("toJson() writes bigints as decimals and bytes as hex, on one line", () => {
    expect(toJson({ rao: 10n ** 18n, root: Uint8Array.of(0, 255), text: "a\nb" })).toBe('{"rao":"1000000000000000000","root":"00ff","text":"a\\nb"}');
  });
});

describe("exitStatus()", () => {
  test("gives every code its own status, and every status a meaning", () => {
    const codes = ["usage", "wallet", "chain", "chain_refused", "not_registered", "disk", "disk_full", "locked", "corrupt", "network", "memory", "cancelled"] as const;
    const statuses = codes.map((code) => exitStatus(new BtstoreError(code, "x"), false));
    expect(new Set(statuses).size).toBe(codes.length);
    const known = EXIT_STATUSES.map(([status]) => status);
    expect(known).toEqual([...known].sort((a, b) => a - b));
    for (const status of [...statuses, exitStatus(new TypeError("bug"), false), exitStatus(new BtstoreError("cancelled", "x"), true)]) expect(known).toContain(status);
    expect(exitStatus(new BtstoreError("disk", "x"), true)).toBe(exitStatus(new BtstoreError("disk", "x"), false));
  });
});

describe("context", () => {
  const choice = (words: string[], environment: Record<string, string> = {}) => chainChoice(parseCommandLine("mine", words, environment));

  test("chainChoice() lets the endpoint win unless the network was said more strongly", () => {
    expect(choice([])).toEqual({ network: "finney", endpoint: undefined });
    expect(choice(["--subtensor.network", "local", "--subtensor.chain_endpoint", "ws://a:1"])).toEqual({ network: "local", endpoint: "ws://a:1" });
    expect(choice([], { BT_SUBTENSOR_CHAIN_ENDPOINT: "ws://b:1", BT_SUBTENSOR_NETWORK: "test" }).endpoint).toBe("ws://b:1");
    expect(choice([], { BT_SUBTENSOR_CHAIN_ENDPOINT: "ws://b:1" }).endpoint).toBe("ws://b:1");
    expect(choice(["--subtensor.network", "local"], { BT_SUBTENSOR_CHAIN_ENDPOINT: "ws://b:1" }).endpoint).toBeUndefined();
  });

  test("walletLocation() and onlyLocation() expand the home folder only at the start", () => {
    const { flags } = parseCommandLine("mine", ["--db_path", "~/a", "--wallet.name", "w", "--wallet.hotkey", "h"], {});
    expect(walletLocation(flags)).toEqual({ path: join(homedir(), ".bittensor/wallets"), name: "w", hotkey: "h" });
    expect(onlyLocation(flags)).toEqual({ dbPath: join(homedir(), "a"), walletName: "w", hotkeyName: "h" });
    expect(() => onlyLocation({ ...flags, db_path: ["/a", "/b"] })).toThrow("one --db_path per hotkey");
    expect(expandHome("~")).toBe(homedir());
    expect(expandHome("~x")).toBe(join(process.cwd(), "~x"));
  });
});
