/**
 * From words, environment and config file to the typed flags of one command.
 *
 * `node:util` parseArgs splits the words into tokens. Its strict mode stops at the first fault and cannot name the flag
 * that was meant, so the same rules are applied here to the tokens: nothing unknown, nothing twice, no value missing, no
 * flag taken for a value. Every fault is a BtstoreError "usage" that names where the value came from.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { BtstoreError, describeError, parseSize } from "../lib/core/mod.ts";
import { closest } from "./closest.ts";
import { FLAG_ROWS, type CommandName, type Flag, type FlagName, type FlagsOf, flagsFor, normalFlagName } from "./flags.ts";

/** Where a value came from, weakest first. */
export const ORIGINS = ["default", "file", "environment", "flag"] as const;
export type Origin = (typeof ORIGINS)[number];

/** What one command was told. */
export type Parsed<C extends CommandName> = {
  readonly flags: FlagsOf<C>;
  readonly origins: Readonly<Record<keyof FlagsOf<C>, Origin>>;
};

/** A flag's value as it was read. */
export type Value = string | number | boolean | readonly string[];
type Given = { readonly value: Value; readonly origin: Origin };
type Rows = readonly (readonly [FlagName, Flag])[];

/** A config file larger than this is none. */
const CONFIG_BYTES_MAX = 1_000_000;

/** Faults of a config file that are listed. */
const CONFIG_FAULTS_MAX = 20;

/**
 * Parses the words behind a command's name.
 *
 * @param environment Usually `process.env`. An empty variable counts as not set.
 * @throws {BtstoreError} "usage", naming the first fault.
 */
export function parseCommandLine<C extends CommandName>(command: C, words: readonly string[], environment: Readonly<Record<string, string | undefined>>): Parsed<C> {
  const rows = flagsFor(command);
  const typed = readWords(command, rows, words);
  const set = readEnvironment(rows, environment);
  const configPath = (typed.get("config") ?? set.get("config"))?.value as string | undefined;
  const filed = configPath === undefined ? new Map<FlagName, Given>() : readConfig(rows, configPath);
  const flags: Record<string, Value | null> = {};
  const origins: Record<string, Origin> = {};
  for (const [name, flag] of rows) {
    const given = typed.get(name) ?? set.get(name) ?? filed.get(name);
    flags[name] = given ? given.value : flag.default;
    origins[name] = given ? given.origin : "default";
  }
  return { flags, origins } as Parsed<C>;
}

/** What one flag is without being typed, and where that comes from. */
export type Setting = {
  readonly name: FlagName;
  readonly value: Value | null;
  readonly origin: Origin;
  /** The variable, for `environment`; null else. */
  readonly variable: string | null;
};

/**
 * Every setting of the table that some command takes, as environment and config file have it, in the table's order.
 *
 * @param configPath null for none.
 * @throws {BtstoreError} "usage" as `parseCommandLine`.
 */
export function readSettings(commands: readonly CommandName[], environment: Readonly<Record<string, string | undefined>>, configPath: string | null): Setting[] {
  const rows = FLAG_ROWS.filter(([, flag]) => commands.some((command) => flag.commands.includes(command)));
  const set = readEnvironment(rows, environment);
  const filed = configPath === null ? new Map<FlagName, Given>() : readConfig(rows, configPath);
  return rows.map(([name, flag]) => {
    const given = set.get(name) ?? filed.get(name);
    return { name, value: given ? given.value : flag.default, origin: given?.origin ?? "default", variable: set.has(name) ? variableOf(flag, environment)! : null };
  });
}

function readWords(command: CommandName, rows: Rows, words: readonly string[]): Map<FlagName, Given> {
  const byNormalName = new Map(rows.map((row) => [normalFlagName(row[0]), row]));
  const options: Record<string, { type: "string" | "boolean" }> = {};
  for (const [name, [, flag]] of byNormalName) options[name] = { type: flag.type.kind === "switch" ? "boolean" : "string" };
  const normal = words.map(normaliseWord);
  const { tokens } = parseArgs({ args: normal, options, strict: false, allowPositionals: true, tokens: true });
  const given = new Map<FlagName, Given>();
  for (const token of tokens) {
    const word = words[token.index]!;
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") throw usage(`Cannot read "${shown(word)}": "btstore ${command}" takes flags only`);
    const spelling = word.split("=", 1)[0]!;
    const row = byNormalName.get(token.name);
    if (!row) throw unknownFlag(command, rows, spelling);
    const [name, flag] = row;
    const before = given.get(name);
    if (before && !(flag.type.kind === "list" && flag.type.repeats)) throw usage(`Cannot read "${spelling}": it is given twice`);
    given.set(name, { origin: "flag", value: tokenValue(flag, spelling, token.value, token.inlineValue === true, before?.value) });
  }
  return given;
}

function tokenValue(flag: Flag, spelling: string, text: string | undefined, isInline: boolean, before: Value | undefined): Value {
  if (text === undefined) {
    if (flag.type.kind === "switch") return true;
    throw usage(`Cannot read "${spelling}": its value is missing, wanted ${wanted(flag)}`);
  }
  if (!isInline && text.startsWith("-")) {
    throw usage(`Cannot read "${spelling}": its value is missing before "${shown(text)}", wanted ${wanted(flag)} (a value that begins with a dash is written ${spelling}=${shown(text)})`);
  }
  if (flag.type.kind === "list" && flag.type.repeats) {
    if (text === "") throw badValue(`"${spelling}"`, flag, text);
    return [...((before as readonly string[] | undefined) ?? []), text];
  }
  return readText(flag, text, `"${spelling}"`);
}

function unknownFlag(command: CommandName, rows: Rows, spelling: string): BtstoreError {
  const typed = normalFlagName(spelling.replace(/^-+/, ""));
  const elsewhere = FLAG_ROWS.find(([name]) => normalFlagName(name) === typed);
  if (elsewhere) return usage(`Unknown flag "${shown(spelling)}": "btstore ${command}" does not take it`);
  const near = closest(typed, rows.map(([name]) => normalFlagName(name)));
  const meant = near === null ? "" : `: did you mean "--${rows.find(([name]) => normalFlagName(name) === near)![0]}"?`;
  return usage(`Unknown flag "${shown(spelling)}"${meant}`);
}

/** `--Wallet.name=X` → `--wallet-name=X`; values and anything else stay as they are. */
function normaliseWord(word: string): string {
  const match = /^--([^=]+)(=[\s\S]*)?$/.exec(word);
  return match ? `--${normalFlagName(match[1]!)}${match[2] ?? ""}` : word;
}

function readEnvironment(rows: Rows, environment: Readonly<Record<string, string | undefined>>): Map<FlagName, Given> {
  const given = new Map<FlagName, Given>();
  for (const [name, flag] of rows) {
    const variable = variableOf(flag, environment);
    if (variable === undefined) continue;
    given.set(name, { origin: "environment", value: readText(flag, environment[variable]!, `the variable ${variable}`) });
  }
  return given;
}

/** The variable of a flag that is set; undefined if none is. */
function variableOf(flag: Flag, environment: Readonly<Record<string, string | undefined>>): string | undefined {
  return flag.environment.find((candidate) => environment[candidate] !== undefined && environment[candidate] !== "");
}

/** Keys may be flat (`"wallet.name" = …`) or nested (`[wallet]`); keys of other commands are fine, unknown ones are not. */
function readConfig(rows: Rows, path: string): Map<FlagName, Given> {
  let table: object;
  try {
    const file = readFileSync(path);
    if (file.length > CONFIG_BYTES_MAX) throw new Error(`it has ${file.length} bytes, at most ${CONFIG_BYTES_MAX} are read`);
    table = Bun.TOML.parse(file.toString("utf8"));
  } catch (error) {
    throw new BtstoreError("usage", `Cannot read the config file "${path}": ${describeError(error)}`, { cause: error });
  }
  const given = new Map<FlagName, Given>();
  const faults: string[] = [];
  for (const [key, value] of flatten(table, "")) {
    try {
      const [name, flag] = knownKey(key, path);
      if (given.has(name)) throw usage(`Cannot read the config file "${path}": "${name}" is set twice`);
      given.set(name, { origin: "file", value: readToml(flag, value, `"${name}" in the config file "${path}"`) });
    } catch (error) {
      if (!(error instanceof BtstoreError)) throw error;
      faults.push(error.message);
    }
  }
  // All of them at once, or a file with five slips takes five runs to mend.
  if (faults.length > 0) throw usage(faults.slice(0, CONFIG_FAULTS_MAX).join("\n"));
  for (const name of given.keys()) if (!rows.some(([own]) => own === name)) given.delete(name);
  return given;
}

function knownKey(key: string, path: string): Rows[number] {
  const known = FLAG_ROWS.find(([name]) => normalFlagName(name) === normalFlagName(key));
  if (known) return known;
  const near = closest(key, FLAG_ROWS.map(([name]) => name));
  throw usage(`Unknown key "${shown(key)}" in the config file "${path}"${near === null ? "" : `: did you mean "${near}"?`}`);
}

function* flatten(table: object, prefix: string): Generator<[string, unknown]> {
  for (const [key, value] of Object.entries(table)) {
    const isTable = typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
    if (isTable) yield* flatten(value, `${prefix}${key}.`);
    else yield [prefix + key, value];
  }
}

function readToml(flag: Flag, value: unknown, place: string): Value {
  if (flag.type.kind === "switch" && typeof value === "boolean") return value;
  if (flag.type.kind === "list" && Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  const isNumeric = flag.type.kind === "size" || flag.type.kind === "integer" || flag.type.kind === "fraction";
  if (typeof value === "string" || (isNumeric && typeof value === "number")) return readText(flag, String(value), place);
  throw badValue(place, flag, JSON.stringify(value) ?? "nothing");
}

/**
 * Reads one text as the flag's type; lists are separated by commas.
 *
 * @param place Where it stands, for the message.
 * @throws {BtstoreError} "usage" if it is not of that type.
 */
export function readText(flag: Flag, text: string, place: string): Value {
  const value = valueOf(flag, text);
  if (value === null) throw badValue(place, flag, text);
  return value;
}

function valueOf({ type }: Flag, text: string): Value | null {
  switch (type.kind) {
    case "switch": return /^(true|1|yes|on)$/i.test(text) ? true : /^(false|0|no|off)$/i.test(text) ? false : null;
    case "text": return text === "" ? null : text;
    case "choices": {
      const items = itemsOf(text);
      return items.length > 0 && items.every((item) => type.choices.includes(item)) ? items : null;
    }
    case "size": {
      const bytes = parseSize(text);
      return bytes === null || bytes === 0 ? null : bytes;
    }
    case "integer": {
      const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      return number >= type.min && number <= type.max ? number : null;
    }
    case "fraction": {
      const number = /^(\d+\.?\d*|\.\d+)(e-?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
      return number > 0 && number <= 1 ? number : null;
    }
    case "list": return itemsOf(text);
  }
}

/** What stands between commas, without spaces around it and without nothings. */
function itemsOf(text: string): string[] {
  return text.split(",").map((item) => item.trim()).filter((item) => item !== "");
}

function wanted({ type }: Flag): string {
  switch (type.kind) {
    case "switch": return "true or false";
    case "text": return "a text";
    case "choices": return `${type.choices.join(", ")} or several of them separated by commas`;
    case "size": return "a size such as 500GB or 1.5TiB";
    case "integer": return `a whole number from ${type.min} to ${type.max}`;
    case "fraction": return "a number above 0 and at most 1";
    case "list": return type.repeats ? "a text" : "a list separated by commas";
  }
}

function badValue(place: string, flag: Flag, text: string): BtstoreError {
  return usage(`Cannot read ${place}: "${shown(text)}" is not ${wanted(flag)}`);
}

function usage(message: string): BtstoreError {
  return new BtstoreError("usage", message);
}

/** What was typed, safe to print: no control characters, not endless. */
function shown(text: string): string {
  const clean = text.replaceAll(/\p{Cc}/gu, "?");
  return clean.length > 80 ? `${clean.slice(0, 79)}…` : clean;
}
