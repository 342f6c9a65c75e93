import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closest } from "../../cmd/closest.ts";
import { FLAG_ROWS, flagsFor, normalFlagName } from "../../cmd/flags.ts";
import { parseCommandLine } from "../../cmd/parse.ts";
import { BtstoreError } from "../../lib/core/mod.ts";

const folder = mkdtempSync(join(tmpdir(), "btstore-parse-"));
afterAll(() => rmSync(folder, { recursive: true }));

function configFile(text: string): string {
  const path = join(folder, `${Bun.hash(text)}.toml`);
  writeFileSync(path, text);
  return path;
}

/** The message of the usage error that a line gives. */
function faultOf(words: string[], environment: Record<string, string> = {}): string {
  try {
    parseCommandLine("mine", words, environment);
  } catch (error) {
    expect(error).toBeInstanceOf(BtstoreError);
    expect((error as BtstoreError).code).toBe("usage");
    return (error as BtstoreError).message;
  }
  throw new Error(`no fault in ${words.join(" ")}`);
}

describe("FLAGS", () => {
  test("no two flags share a spelling or a variable", () => {
    const names = FLAG_ROWS.map(([name]) => normalFlagName(name));
    expect(new Set(names).size).toBe(names.length);
    const variables = FLAG_ROWS.flatMap(([, flag]) => flag.environment);
    expect(new Set(variables).size).toBe(variables.length);
  });

  test("every default is a value its own type reads, so that the README tells the truth", () => {
    for (const [name, flag] of FLAG_ROWS) {
      if (flag.default === null || Array.isArray(flag.default)) continue;
      const command = flag.commands[0]!;
      const { flags } = parseCommandLine(command, [`--${name}=${flag.default}`], {});
      expect((flags as Record<string, unknown>)[name], name).toEqual(flag.default);
    }
  });
});

describe("parseCommandLine()", () => {
  test("gives the defaults of exactly the command's flags when nothing is said", () => {
    const { flags, origins } = parseCommandLine("mine", [], {});
    expect(flags["wallet.name"]).toBe("default");
    expect(flags.db_path).toEqual(["~/bittensor-db"]);
    expect(flags.threshold).toBe(0.0001);
    expect(flags.size).toBeNull();
    expect(Object.keys(flags)).toEqual(flagsFor("mine").map(([name]) => name));
    expect(Object.values(origins).every((origin) => origin === "default")).toBe(true);
  });

  test("understands every spelling of every flag that takes a text or a number", () => {
    for (const [name] of flagsFor("mine").filter(([, { type }]) => type.kind === "integer")) {
      for (const spelling of [name, name.replaceAll("_", "-"), name.replaceAll(".", "_"), normalFlagName(name)]) {
        for (const words of [[`--${spelling}`, "7"], [`--${spelling}=7`]]) {
          const { flags, origins } = parseCommandLine("mine", words, {});
          expect((flags as Record<string, unknown>)[name], words.join(" ")).toBe(7);
          expect((origins as Record<string, string>)[name]).toBe("flag");
        }
      }
    }
  });

  test("reads each type", () => {
    const { flags } = parseCommandLine("mine", ["--size", "1.5TiB", "--threshold", "1e-3", "--restart", "--blacklist.hotkeys=a, b", "--db_path", "/x,y", "--db-path=/z"], {});
    expect(flags.size).toBe(1.5 * 2 ** 40);
    expect(flags.threshold).toBe(0.001);
    expect(flags.restart).toBe(true);
    expect(flags["blacklist.hotkeys"]).toEqual(["a", "b"]);
    expect(flags.db_path).toEqual(["/x,y", "/z"]);
    expect(parseCommandLine("devnet", ["--cheat", "drop, steer"], {}).flags.cheat).toEqual(["drop", "steer"]);
  });

  test("prefers flag to environment to file to default, and says which it was", () => {
    const config = configFile('netuid = 3\nworkers = 4\nthreshold = 0.5\n');
    const { flags, origins } = parseCommandLine("mine", ["--netuid", "1", "--config", config], { BTSTORE_NETUID: "2", BTSTORE_WORKERS: "5" });
    expect([flags.netuid, flags.workers, flags.threshold, flags.steps_per_reallocate]).toEqual([1, 5, 0.5, 1000]);
    expect([origins.netuid, origins.workers, origins.threshold, origins.steps_per_reallocate]).toEqual(["flag", "environment", "file", "default"]);
  });

  test("a switch can be undone by =false", () => {
    expect(parseCommandLine("mine", ["--restart=false"], { BTSTORE_RESTART: "yes" }).flags.restart).toBe(false);
    expect(parseCommandLine("mine", [], { BTSTORE_RESTART: "yes" }).flags.restart).toBe(true);
  });

  test("takes --no_prompt as the flag it is", () => {
    for (const spelling of ["--no_prompt", "--no-prompt"]) expect(parseCommandLine("alloc", [spelling], {}).flags.no_prompt).toBe(true);
  });

  test("prefers the first of several variables and skips empty ones", () => {
    expect(parseCommandLine("mine", [], { BT_WALLET: "old", BT_WALLET_NAME: "new" }).flags["wallet.name"]).toBe("new");
    expect(parseCommandLine("mine", [], { BT_WALLET: "old", BT_WALLET_NAME: "" }).flags["wallet.name"]).toBe("old");
  });

  test("blames unknown flags and names the closest", () => {
    expect(faultOf(["--treshold", "1"])).toBe('Unknown flag "--treshold": did you mean "--threshold"?');
    expect(faultOf(["--wallet-nmae", "x"])).toBe('Unknown flag "--wallet-nmae": did you mean "--wallet.name"?');
    expect(faultOf(["--completely-else"])).toBe('Unknown flag "--completely-else"');
    expect(faultOf(["-x"])).toStartWith('Unknown flag "-x"');
  });

  test("blames a flag that belongs to another command", () => {
    expect(faultOf(["--no_prompt"])).toBe('Unknown flag "--no_prompt": "btstore mine" does not take it');
  });

  test("blames a flag given twice in any spelling", () => {
    expect(faultOf(["--workers", "1", "--workers=2"])).toBe('Cannot read "--workers": it is given twice');
    expect(faultOf(["--wallet.name", "a", "--wallet-name", "b"])).toBe('Cannot read "--wallet-name": it is given twice');
    expect(faultOf(["--json", "--json"])).toContain("given twice");
  });

  test("blames a missing value, also when a flag follows", () => {
    expect(faultOf(["--workers"])).toBe('Cannot read "--workers": its value is missing, wanted a whole number from 1 to 1024');
    expect(faultOf(["--workers", "--restart"])).toContain('its value is missing before "--restart"');
    expect(faultOf(["--wallet.name="])).toContain('"--wallet.name"');
    expect(faultOf(["--db_path="])).toContain('"--db_path"');
  });

  test("blames values outside their type or range, one past each end", () => {
    for (const [flag, value] of [
      ["workers", "0"], ["workers", "1025"], ["workers", "ten"], ["workers", "1.5"], ["workers", "1e2"], ["workers", " 1"],
      ["threshold", "0"], ["threshold", "1.0001"], ["threshold", "half"], ["size", "12 parsecs"], ["size", "0"],
      ["netuid", "65536"], ["axon.port", "0"], ["axon.port", "65536"], ["json", "maybe"],
    ]) {
      expect(faultOf([`--${flag}=${value}`])).toStartWith(`Cannot read "--${flag}": "${value}" is not `);
    }
    for (const [flag, value] of [["workers", "1"], ["workers", "1024"], ["netuid", "0"], ["netuid", "65535"], ["threshold", "1"]]) {
      expect(() => parseCommandLine("mine", [`--${flag}=${value}`], {})).not.toThrow();
    }
  });

  test("blames a stray word, and never repeats control characters or endless text", () => {
    expect(faultOf(["now"])).toContain('"now"');
    expect(faultOf(["--", "--restart"])).toContain('"--restart"');
    const message = faultOf([`--workers=\x1b[31m${"9".repeat(1000)}`]);
    expect(message).not.toContain("\x1b");
    expect(message.length).toBeLessThan(200);
  });

  test("names the variable a bad value came from", () => {
    expect(faultOf([], { BTSTORE_WORKERS: "many" })).toBe('Cannot read the variable BTSTORE_WORKERS: "many" is not a whole number from 1 to 1024');
  });
});

describe("the config file", () => {
  test("may be flat or nested, in any spelling, and hold other commands' flags", () => {
    const flat = configFile('"wallet.name" = "w"\n"axon.port" = 9000\nno_prompt = true\n');
    const nested = configFile('[wallet]\nname = "w"\n[axon]\nport = 9000\n');
    const dashed = configFile('wallet-name = "w"\naxon-port = 9000\n');
    for (const path of [flat, nested, dashed]) {
      const { flags } = parseCommandLine("mine", ["--config", path], {});
      expect([flags["wallet.name"], flags["axon.port"]], path).toEqual(["w", 9000]);
    }
  });

  test("gives sizes, lists and switches their TOML types", () => {
    const { flags } = parseCommandLine("mine", [], { BTSTORE_CONFIG: configFile('size = "2GiB"\ndb_path = ["/a", "/b"]\nrestart = true\nthreshold = 1\n') });
    expect([flags.size, flags.db_path, flags.restart, flags.threshold]).toEqual([2 ** 31, ["/a", "/b"], true, 1]);
  });

  test("is blamed for unknown keys, doubled keys, bad values, bad TOML and its absence", () => {
    expect(faultOf(["--config", configFile("worker = 1")])).toContain('Unknown key "worker"');
    expect(faultOf(["--config", configFile("worker = 1")])).toContain('did you mean "workers"?');
    expect(faultOf(["--config", configFile('"wallet.name" = "a"\nwallet_name = "b"')])).toContain('"wallet.name" is set twice');
    expect(faultOf(["--config", configFile("workers = 0")])).toContain('"workers" in the config file');
    expect(faultOf(["--config", configFile("restart = 1")])).toContain('"restart" in the config file');
    expect(faultOf(["--config", configFile("db_path = [1]")])).toContain('"db_path" in the config file');
    expect(faultOf(["--config", configFile("workers = = 2")])).toContain("Cannot read the config file");
    expect(faultOf(["--config", join(folder, "absent.toml")])).toContain("ENOENT");
  });
});

describe("closest()", () => {
  test("finds the nearest by letters changed, swapped, added or left out, and nothing when all are far", () => {
    const names = ["mine", "alloc", "validate", "verify"];
    expect(closest("mien", names)).toBe("mine");
    expect(closest("aloc", names)).toBe("alloc");
    expect(closest("validates", names)).toBe("validate");
    expect(closest("xyzzyx", names)).toBeNull();
    expect(closest("", [])).toBeNull();
  });
});
