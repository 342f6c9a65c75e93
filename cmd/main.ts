/**
 * `btstore`: finds the command, parses its flags, runs it, and turns what it throws into an exit status.
 *
 * To add a command:
 * 1. its words go into COMMAND_NAMES of `cmd/flags.ts`, and into `commands` of every flag it takes (new flags get a row);
 * 2. `cmd/<noun>.ts` exports `command("<words>", async ({ flags, origins, signal, log, screen }) => { … })`: `flags` is
 *    typed from the table; results with `print`, `printJson`, `table` (`cmd/output.ts`), bars with `openProgress`;
 * 3. `cmd/commands.ts` lists it with a summary and a lazy import;
 * 4. `bun cmd/packaging/readme.ts` writes its rows into the README (a test compares them).
 *
 * citty holds the tree and loads a command when it is run; its parsing is not used (DESIGN section 2).
 */
import { defineCommand, runCommand, type CommandDef } from "citty";
import { BtstoreError, describeError, type Log } from "../lib/core/mod.ts";
import { closest } from "./closest.ts";
import type { CommonFlags, Run } from "./command.ts";
import { COMMANDS, EXISTING, RUNNABLE } from "./commands.ts";
import type { CommandName } from "./flags.ts";
import { commandHelp, groupHelp } from "./help.ts";
import { print } from "./output.ts";
import { type Parsed, parseCommandLine } from "./parse.ts";
import { Screen } from "./screen.ts";
import { watchParent } from "./spawn.ts";
import { EXIT_BROKEN_PIPE, EXIT_OK, exitStatus } from "./status.ts";
import { versionText } from "./version.ts";

/** How long an orderly end may take once the process that started us is gone, in milliseconds. */
const ORPHAN_GRACE_MS = 10_000;

/** A command that has not stopped after this long says that it is stopping, in milliseconds. */
const STOPPING_NOTICE_MS = 300;

const screen = new Screen();
const stop = new AbortController();
let isTerminated = false;
let isDebugging = false;
let isJsonLog = false;
let log: Log | null = null;
let finalStatus = EXIT_OK;

process.on("unhandledRejection", fail);
process.on("uncaughtException", fail);
process.stdout.on("error", (error: NodeJS.ErrnoException) => (error.code === "EPIPE" ? process.exit(EXIT_BROKEN_PIPE) : fail(error)));
// Nobody is left to be told; the work itself goes on or ends by its own signals.
process.stderr.on("error", () => {});
process.on("SIGINT", () => interrupt("Stopped by Ctrl-C", false));
process.on("SIGTERM", () => interrupt("Stopped by SIGTERM", true));
process.on("SIGHUP", () => interrupt("Stopped: the terminal is gone", true));
watchParent(() => {
  if (!stop.signal.aborted) interrupt("Stopped: the process that started this one is gone", true);
  setTimeout(() => fail(stop.signal.reason), ORPHAN_GRACE_MS).unref();
});

try {
  await run(process.argv.slice(2));
  await end(EXIT_OK);
} catch (error) {
  await fail(error);
}

async function run(words: readonly string[]): Promise<void> {
  if (words[0] === "--version" || words[0] === "-v") return print(await versionText());
  const { name, leaf, rest } = resolve(tree(), words);
  const isHelp = rest.slice(0, rest.includes("--") ? rest.indexOf("--") : rest.length).some((word) => word === "--help" || word === "-h");
  if (leaf === null) {
    if (isHelp) return print(groupHelp(name, helpWidth()));
    throw noCommand(name, rest[0]);
  }
  if (isHelp) return print(commandHelp(name as CommandName, helpWidth()));
  const parsed = parseFlags(name as CommandName, rest);
  await openCommonLog(name, parsed.flags);
  const context: Omit<Run<CommandName>, keyof Parsed<CommandName>> = { signal: stop.signal, log: log!, screen };
  await runCommand(await leaf(), { rawArgs: [], data: { ...parsed, ...context } });
}

function parseFlags(name: CommandName, words: readonly string[]): Parsed<CommandName> {
  try {
    return parseCommandLine(name, words, process.env);
  } catch (error) {
    if (error instanceof BtstoreError && error.code === "usage") throw new BtstoreError("usage", `${error.message}\nSee "btstore ${name} --help"`, { cause: error });
    throw error;
  }
}

type Leaf = () => Promise<CommandDef>;
type Tree = CommandDef & { readonly subCommands: Record<string, Tree | Leaf> };

/** citty's tree of the commands that exist: groups are definitions, leaves load when called. */
function tree(): Tree {
  const group = (name: string): Tree => defineCommand({ meta: { name }, subCommands: {} }) as Tree;
  const root = group("btstore");
  for (const words of RUNNABLE) {
    const path = words.split(" ");
    let at = root;
    for (const word of path.slice(0, -1)) at = (at.subCommands[word] ??= group(word)) as Tree;
    at.subCommands[path.at(-1)!] = COMMANDS[words]!.load;
  }
  return root;
}

/** Walks down the tree as far as the words lead. */
function resolve(root: Tree, words: readonly string[]): { name: string; leaf: Leaf | null; rest: readonly string[] } {
  let at = root;
  for (const [i, word] of words.entries()) {
    const next = Object.hasOwn(at.subCommands, word) ? at.subCommands[word]! : null;
    if (next === null) return { name: words.slice(0, i).join(" "), leaf: null, rest: words.slice(i) };
    if (typeof next === "function") return { name: words.slice(0, i + 1).join(" "), leaf: next, rest: words.slice(i + 1) };
    at = next;
  }
  return { name: words.join(" "), leaf: null, rest: [] };
}

function noCommand(group: string, word: string | undefined): BtstoreError {
  const prefix = group === "" ? "" : `${group} `;
  const seeHelp = `\nSee "btstore ${prefix}--help"`;
  if (word === undefined) return new BtstoreError("usage", `No command given\n${groupHelp(group, helpWidth())}`);
  const typed = word.replaceAll(/\p{Cc}/gu, "?").slice(0, 80);
  if (word.startsWith("-")) return new BtstoreError("usage", `Cannot read "${typed}": flags come after the command${seeHelp}`);
  const near = closest(typed, EXISTING.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length).split(" ")[0]!));
  return new BtstoreError("usage", `Unknown command "${prefix}${typed}"${near === null ? "" : `: did you mean "${prefix}${near}"?`}${seeHelp}`);
}

async function openCommonLog(name: string, flags: CommonFlags): Promise<void> {
  isDebugging = flags["logging.debug"] || flags["logging.trace"];
  isJsonLog = flags["logging.json"];
  const { openLog, logFile } = await import("./log.ts");
  const level = flags["logging.trace"] ? "trace" : flags["logging.debug"] ? "debug" : "info";
  log = openLog(screen, { level, isJson: isJsonLog, file: logFile(name, flags) });
}

function helpWidth(): number {
  return process.stdout.columns || 100;
}

/** Asks the command to stop; asked twice, the process ends at once. */
function interrupt(message: string, isTermination: boolean): void {
  isTerminated ||= isTermination;
  const reason = new BtstoreError("cancelled", message);
  if (stop.signal.aborted) {
    screen.close();
    process.exit(exitStatus(reason, isTerminated));
  }
  stop.abort(reason);
  setTimeout(() => log?.info("Stopping; a second Ctrl-C ends at once"), STOPPING_NOTICE_MS).unref();
}

/** Reports an error and ends with its status. What follows from an interruption counts as the interruption. */
async function fail(thrown: unknown): Promise<never> {
  const isAbort = stop.signal.aborted && thrown instanceof Error && thrown.name === "AbortError";
  const error = isAbort ? stop.signal.reason : thrown;
  screen.close();
  const isExpected = error instanceof BtstoreError;
  const text = isExpected ? error.message : `Unexpected error: ${describeError(error)}${isDebugging ? "" : "\nThis is a bug; --logging.debug shows where it happened"}`;
  if (log) log.error(text, isJsonLog && isExpected ? { code: error.code } : {});
  else process.stderr.write(`btstore: ${text}\n`);
  if (isDebugging && error instanceof Error) process.stderr.write(`${Bun.inspect(error)}\n`);
  return end(exitStatus(error, isTerminated));
}

/** Ends the process once what was printed has left it. An error that comes up meanwhile still decides the status. */
async function end(status: number): Promise<never> {
  finalStatus ||= status;
  // One turn of the loop, in which rejections that nobody handled are reported.
  await new Promise((resolve) => setImmediate(resolve));
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write("", resolve));
  process.exit(finalStatus);
}
