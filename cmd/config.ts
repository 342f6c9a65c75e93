/** `btstore config …`: the settings that hold without being typed, and a first config file. */
import { writeFileSync } from "node:fs";
import { BtstoreError, describeError, formatSize, hasSystemCode } from "../lib/core/mod.ts";
import { command, type Run } from "./command.ts";
import { EXISTING } from "./commands.ts";
import { FLAGS } from "./flags.ts";
import { print, printJson, table } from "./output.ts";
import { readSettings, readText, type Setting, type Value } from "./parse.ts";
import { expandHome } from "./paths.ts";
import { askText, canAsk } from "./prompt.ts";

export const configShow = command("config show", async ({ flags }) => {
  const settings = readSettings(EXISTING, process.env, flags.config);
  if (flags.json) return printJson({ config: flags.config, settings });
  const from = ({ origin, variable }: Setting) => (variable !== null ? `variable ${variable}` : origin === "file" ? `file ${flags.config}` : origin);
  print(table([{ heading: "SETTING" }, { heading: "VALUE" }, { heading: "FROM" }], settings.map((setting) => [setting.name, shownValue(setting), from(setting)])));
});

/** The file was read with the flags, and every fault of it told, before this runs. */
export const configCheck = command("config check", async ({ flags, log }) => {
  if (flags.config === null) throw new BtstoreError("usage", "Cannot check a config file: name it with --config");
  const filed = readSettings(EXISTING, {}, flags.config).filter(({ origin }) => origin === "file");
  const overruled = readSettings(EXISTING, process.env, flags.config).filter(({ name, origin }) => origin === "environment" && filed.some((setting) => setting.name === name));
  if (flags.json) return printJson({ config: flags.config, settings: filed, overruled: overruled.map(({ name, variable }) => ({ name, variable })) });
  for (const { name, variable } of overruled) log.warn(`"${name}" is overruled by the variable ${variable}`);
  print(`"${flags.config}": ${filed.length} setting${filed.length === 1 ? "" : "s"}, all understood`);
});

function shownValue({ name, value }: Setting): string {
  if (value === null || (Array.isArray(value) && value.length === 0)) return "–";
  if (typeof value === "boolean") return value ? "on" : "off";
  return FLAGS[name].type.kind === "size" ? formatSize(value as number) : Array.isArray(value) ? value.join(", ") : String(value);
}

/** What is asked, in this order, and why it matters. */
const QUESTIONS = [
  { name: "wallet.name", why: "The wallet whose hotkey works here, as btcli names it." },
  { name: "wallet.hotkey", why: "The hotkey in that wallet. One hotkey is one miner or one validator." },
  { name: "netuid", why: "The subnet the hotkey is registered on." },
  { name: "subtensor.network", why: "The chain: finney, test, local, archive, or the ws:// or wss:// address of a node of your own." },
  { name: "db_path", why: "Where partitions and audit records are kept. A miner's must be on the disk that earns." },
  { name: "size", why: "For a miner: how much of the disk to fill (500GB, 1.5TiB). Without it a ten-thousandth of the disk is taken, which earns next to nothing." },
  { name: "axon.port", why: "For a miner: the port that validators reach it at. It must be open to the internet." },
] as const;
type Question = (typeof QUESTIONS)[number]["name"];

export const configInit = command("config init", async (run: Run<"config init">) => {
  const { flags } = run;
  const path = expandHome(flags.output);
  if (!flags.no_prompt && !canAsk()) throw new BtstoreError("usage", "Cannot ask for the settings: stdin is no terminal; --no_prompt takes those of the flags");
  if (!flags.overwrite && (await Bun.file(path).exists())) throw thereAlready(path);
  const answers = new Map<Question, Value | null>();
  for (const question of QUESTIONS) answers.set(question.name, flags.no_prompt ? flags[question.name] : await ask(run, question));
  try {
    writeFileSync(path, configText(answers), { flag: flags.overwrite ? "w" : "wx" });
  } catch (error) {
    if (hasSystemCode(error, "EEXIST")) throw thereAlready(path);
    throw new BtstoreError("disk", `Cannot write "${path}": ${describeError(error)}`, { cause: error });
  }
  if (flags.json) return printJson({ path, settings: Object.fromEntries(answers) });
  print(`Wrote "${path}". Use it with --config, or once for all with the variable ${FLAGS.config.environment[0]}`);
});

function thereAlready(path: string): BtstoreError {
  return new BtstoreError("usage", `Cannot write "${path}": it exists and is not overwritten without --overwrite`);
}

/** Asks until the answer is understood; an empty one keeps what the flag says. */
async function ask({ flags, screen, signal }: Run<"config init">, { name, why }: (typeof QUESTIONS)[number]): Promise<Value | null> {
  const now: Value | null = flags[name];
  process.stderr.write(`\n${why}\n`);
  for (;;) {
    const answer = await askText(screen, `${name} [${now === null ? "none" : Array.isArray(now) ? now.join(", ") : now}]:`, "--no_prompt", signal);
    if (answer === "") return now;
    try {
      return readText(FLAGS[name], answer, `"${name}"`);
    } catch (error) {
      if (!(error instanceof BtstoreError)) throw error;
      process.stderr.write(`${error.message}\n`);
    }
  }
}

/** The file: each setting behind its reason, flat, so that a line can be moved or copied by itself. */
function configText(answers: ReadonlyMap<Question, Value | null>): string {
  const lines = ["# Settings of btstore. Flags and environment variables are stronger; \"btstore config show\" says what holds.", '# "btstore <command> --help" lists all there are; "btstore config check" finds slips.'];
  for (const { name, why } of QUESTIONS) {
    const value = answers.get(name)!;
    const key = name.includes(".") ? JSON.stringify(name) : name;
    lines.push("", `# ${why}`, value === null ? `# ${key} =` : `${key} = ${JSON.stringify(name === "size" ? exactSize(value as number) : value)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Bytes in the largest unit that leaves no rest: nobody reads twelve digits. */
function exactSize(bytes: number): string {
  for (const [unit, factor] of [["TiB", 2 ** 40], ["TB", 1e12], ["GiB", 2 ** 30], ["GB", 1e9], ["MiB", 2 ** 20], ["MB", 1e6]] as const) {
    if (bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return String(bytes);
}
