/**
 * The README's tables of commands, flags and exit statuses, written from the tables that the program runs by.
 *
 * `bun cmd/packaging/readme.ts` brings the file up to date; a test fails while it is not.
 */
import { join } from "node:path";
import { COMMANDS, EXISTING } from "../commands.ts";
import { defaultText, FLAG_ROWS, valueHint } from "../flags.ts";
import { EXIT_STATUSES } from "../status.ts";

const README = join(import.meta.dir, "../../README.md");

/** Replaces each table between its markers `<!-- name -->` and `<!-- /name -->`. Throws RangeError if a marker is missing. */
export function withTables(readme: string): string {
  let text = readme;
  for (const [name, lines] of Object.entries({ commands: commandTable(), flags: flagTable(), statuses: statusTable() })) {
    const [from, to] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [start, end] = [text.indexOf(from), text.indexOf(to)];
    if (start < 0 || end < start) throw new RangeError(`README.md: expected the markers ${from} and ${to}`);
    text = `${text.slice(0, start + from.length)}\n${lines.join("\n")}\n${text.slice(end)}`;
  }
  return text;
}

function commandTable(): string[] {
  return ["| command | does |", "|---|---|", ...EXISTING.map((name) => `| \`btstore ${name}\` | ${COMMANDS[name]!.summary} |`)];
}

/** Rows of flags that some existing command takes. The key in the config file is the flag's name. */
function flagTable(): string[] {
  const rows = FLAG_ROWS.flatMap(([name, flag]) => {
    const takers = EXISTING.filter((command) => flag.commands.includes(command));
    if (takers.length === 0) return [];
    const hint = valueHint(flag)?.replaceAll("|", "\\|");
    return [`| \`--${name}${hint === undefined ? "" : ` ${hint}`}\` | ${defaultText(flag)} | ${flag.environment.map((variable) => `\`${variable}\``).join(", ")} | ${takers.length === EXISTING.length ? "all" : takers.join(", ")} | ${flag.meaning} |`];
  });
  return ["| flag and key | default | variable | commands | meaning |", "|---|---|---|---|---|", ...rows];
}

function statusTable(): string[] {
  return ["| status | meaning |", "|---|---|", ...EXIT_STATUSES.map(([status, meaning]) => `| ${status} | ${meaning} |`)];
}

if (import.meta.main) await Bun.write(README, withTables(await Bun.file(README).text()));
