/**
 * The log of `lib/core/log.ts` with consola: lines for people or JSON on stderr, and JSON lines in a file if asked.
 *
 * Nothing that could steer a terminal leaves here: control characters are printed as `?`.
 */
import { appendFileSync, mkdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { createConsola, LogLevels, type ConsolaReporter, type LogObject } from "consola/core";
import { colors } from "consola/utils";
import { BtstoreError, describeError, hasSystemCode, type Log, type LogFields } from "../lib/core/mod.ts";
import type { CommonFlags } from "./command.ts";
import { expandHome } from "./paths.ts";
import { toJson } from "./output.ts";
import type { Screen } from "./screen.ts";

/** A log file that has grown past this is renamed to `….1` (and the one before is dropped) when the next run begins. */
const LOG_FILE_BYTES_MAX = 64 * 2 ** 20;

export type LogOptions = {
  readonly level: "info" | "debug" | "trace";
  /** JSON lines instead of lines for people on stderr. */
  readonly isJson: boolean;
  /** Full path of the log file; null for none. */
  readonly file: string | null;
};

/**
 * Where a command's log file goes: `<logging_dir>/<wallet>/<hotkey>/netuid<N>/<command>.log`, with the levels that the
 * command has flags for; null if none is wanted.
 */
export function logFile(command: string, flags: CommonFlags): string | null {
  const folder = flags["logging.logging_dir"];
  if (folder === null) return null;
  const own: Readonly<Record<string, unknown>> = flags;
  const levels = [own["wallet.name"], own["wallet.hotkey"], own["netuid"] === undefined ? undefined : `netuid${own["netuid"]}`];
  return join(expandHome(folder), ...levels.filter((level) => typeof level === "string").map((level) => level.replaceAll("/", "_")), `${command.replaceAll(" ", "-")}.log`);
}

/** Opens the log. Throws BtstoreError "disk" if the file cannot be written. */
export function openLog(screen: Screen, options: LogOptions): Log {
  const reporters: ConsolaReporter[] = [{ log: (entry) => screen.print(options.isJson ? jsonLine(entry) : humanLine(entry, screen.isTerminal)) }];
  if (options.file !== null) {
    const file = options.file;
    openLogFile(file);
    reporters.push({ log: (entry) => appendLine(screen, file, jsonLine(entry)) });
  }
  const consola = createConsola({ level: LogLevels[options.level], reporters, throttle: 0 });
  const at = (level: "trace" | "debug" | "info" | "warn" | "error") => (message: string, fields?: LogFields) => consola[level](message, fields ?? {});
  return { trace: at("trace"), debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** A full disk must not end what the log only tells about: the line is lost in the file and stderr says so. */
function appendLine(screen: Screen, file: string, line: string): void {
  try {
    appendFileSync(file, `${line}\n`);
  } catch (error) {
    screen.print(`Cannot write the log file "${file}": ${describeError(error)}`);
  }
}

function openLogFile(file: string): void {
  try {
    mkdirSync(join(file, ".."), { recursive: true });
    try {
      if (statSync(file).size > LOG_FILE_BYTES_MAX) renameSync(file, `${file}.1`);
    } catch (error) {
      if (!hasSystemCode(error, "ENOENT")) throw error;
    }
    appendFileSync(file, "");
  } catch (error) {
    throw new BtstoreError("disk", `Cannot write the log file "${file}": ${describeError(error)}`, { cause: error });
  }
}

function partsOf(entry: LogObject): { message: string; fields: LogFields } {
  const [message, fields] = entry.args as [string, LogFields];
  return { message: printable(message), fields };
}

function jsonLine(entry: LogObject): string {
  const { message, fields } = partsOf(entry);
  return toJson({ ...fields, time: entry.date.toISOString(), level: entry.type, message });
}

const MARKS: Readonly<Record<string, (text: string) => string>> = {
  trace: colors.gray, debug: colors.gray, info: colors.cyan, warn: colors.yellow, error: colors.red,
};

function humanLine(entry: LogObject, isColoured: boolean): string {
  const { message, fields } = partsOf(entry);
  const time = entry.date.toTimeString().slice(0, 8);
  const facts = Object.entries(fields).map(([key, value]) => `${key}=${printable(String(value))}`).join(" ");
  const level = entry.type.padEnd(5);
  const line = [time, isColoured ? MARKS[entry.type]!(level) : level, message, isColoured ? colors.gray(facts) : facts].join(" ");
  return line.trimEnd();
}

function printable(text: string): string {
  return text.replaceAll(/(?!\n)\p{Cc}/gu, "?");
}
