/**
 * Help texts. citty's own renderer aligns flags to the right, does not wrap and colours pipes too, hence this one.
 */
import { version } from "../package.json";
import { COMMANDS, EXISTING } from "./commands.ts";
import { defaultText, type CommandName, type Flag, flagsFor, valueHint } from "./flags.ts";
import { EXIT_STATUSES } from "./status.ts";

const WIDTH_MAX = 110;

/** Help of the whole program or of a group such as `wallet`: its commands. */
export function groupHelp(group: string, columns: number): string {
  const rows = EXISTING.filter((name) => group === "" || name.startsWith(`${group} `)).map((name) => [name, COMMANDS[name]!.summary] as const);
  return [
    `btstore ${version}: provable disk space and storage on Bittensor`,
    "",
    `Usage: btstore ${group === "" ? "" : `${group} `}<command> [flags]`,
    "",
    "Commands",
    ...definitions(rows, columns),
    "",
    'Flags of a command: "btstore <command> --help". Version: "btstore --version".',
    "Results go to stdout, logs and progress to stderr.",
    "",
    "Exit statuses",
    ...definitions(EXIT_STATUSES.map(([status, meaning]) => [String(status), meaning]), columns),
  ].join("\n");
}

/** Help of one command: every flag with its meaning, default and environment variable. */
export function commandHelp(name: CommandName, columns: number): string {
  const rows = flagsFor(name).map(([flagName, flag]) => [flagHead(flagName, flag), flagBody(flag)] as const);
  return [
    `btstore ${name}: ${COMMANDS[name]!.summary}`,
    "",
    `Usage: btstore ${name} [flags]`,
    "",
    "Flags (dashes may stand for dots and underscores; also from the environment or, by the same names, from --config)",
    ...definitions(rows, columns),
  ].join("\n");
}

function flagHead(name: string, flag: Flag): string {
  const hint = valueHint(flag);
  return hint === null ? `--${name}` : `--${name} ${hint}`;
}

function flagBody(flag: Flag): string {
  const facts = [defaultText(flag) === "–" ? "" : `default ${defaultText(flag)}`, flag.environment[0] ?? ""].filter((fact) => fact !== "");
  return `${flag.meaning} [${facts.join(", ")}]`;
}

/** Two columns, the second wrapped; a head too long for its column stands on a line of its own. */
function definitions(rows: readonly (readonly [string, string])[], columns: number): string[] {
  const width = Math.max(40, Math.min(columns, WIDTH_MAX));
  const headWidth = Math.min(Math.max(...rows.map(([head]) => head.length)), 34);
  const lines: string[] = [];
  for (const [head, body] of rows) {
    const wrapped = wrap(body, width - headWidth - 4);
    if (head.length > headWidth) lines.push(`  ${head}`);
    else lines.push(`  ${head.padEnd(headWidth)}  ${wrapped.shift() ?? ""}`);
    for (const line of wrapped) lines.push(`${" ".repeat(headWidth + 4)}${line}`);
  }
  return lines;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return line === "" ? lines : [...lines, line];
}
