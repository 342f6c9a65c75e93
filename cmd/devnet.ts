/** `btstore devnet`: a whole network on this machine, until it is stopped or for some rounds. */
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { AUDIT_DEADLINE_MS, BtstoreError, CHUNK_BYTES, SEAL_PROFILE, STANDARD_BLOCK_MS, describeError, formatDuration, formatSize, systemClock } from "../lib/core/mod.ts";
import { CHEATS, Devnet, type DevnetReport, type StartProcess } from "../lib/devnet/mod.ts";
import { measureUnit } from "../lib/miner/mod.ts";
import { command, type Run } from "./command.ts";
import { type Column, print, printJson, table } from "./output.ts";
import { expandHome } from "./paths.ts";
import { startSelf } from "./spawn.ts";

const UNIT_BYTES = SEAL_PROFILE.chunksPerUnit * CHUNK_BYTES;
/** Units of one partition unless `--size` says otherwise: enough that regenerating them takes longer than the deadline. */
const UNITS_MIN = 16;
const UNITS_PER_CORE = 4;
/** How often rounds are counted and the table is drawn. */
const LOOK_MS = 500;
/** Without a terminal the table is printed this often. */
const PRINT_MS = 15_000;
/** Between two status lines of each process, in seconds, unless `--logging.interval` says otherwise. */
const TELL_SECONDS = 2;

export const devnet = command("devnet", async (run: Run<"devnet">) => {
  const { flags, origins, signal, log } = run;
  const cheats = flags.cheat;
  if (flags.block_time !== null && origins.time_scale !== "default") throw new BtstoreError("usage", 'Cannot use "--block_time" and "--time_scale" together: they say the same thing');
  const timeScale = flags.block_time === null ? flags.time_scale : STANDARD_BLOCK_MS / flags.block_time;
  const [root, ...others] = origins.db_path === "default" ? [tmpdir()] : flags.db_path.map(expandHome);
  if (root === undefined || others.length > 0) throw new BtstoreError("usage", "Cannot use several folders: a devnet takes one --db_path");
  const sizeBytes = flags.size ?? Math.max(UNITS_MIN, UNITS_PER_CORE * availableParallelism()) * UNIT_BYTES * flags.validators;
  const unit = await measureUnit(signal);
  const regenerateMs = (Math.floor(sizeBytes / flags.validators / UNIT_BYTES) * unit.unitMs) / unit.cores;
  const folder = openFolder(root);
  try {
    log.info(`Devnet in "${folder}", removed when it ends: each miner has ${formatSize(sizeBytes)}`);
    sayRegeneration(run, regenerateMs, unit.cores);
    for (const cheat of cheats) log.info(`The cheat "${cheat}" ${CHEATS[cheat]}`);
    const network = await Devnet.open({
      folder, cheats, sizeBytes, timeScale, log,
      minerCount: flags.miners, validatorCount: flags.validators, hasLiar: flags.liar,
      start: startRole,
      clock: systemClock,
      intervalSeconds: origins["logging.interval"] === "default" ? TELL_SECONDS : flags["logging.interval"],
      workers: Math.max(1, Math.floor(availableParallelism() / flags.miners)),
    });
    try {
      const report = await watch(run, network);
      if (flags.json) printJson({ ...report, unitMs: unit.unitMs, regenerateMs, deadlineMs: AUDIT_DEADLINE_MS });
      else print(devnetTable(report));
    } finally {
      await network.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Shows the network until the rounds are over or somebody stops it; without `--rounds` being stopped is the ordinary end. */
async function watch({ flags, signal, screen, log }: Run<"devnet">, network: Devnet): Promise<DevnetReport> {
  let shownRounds = 0;
  let printedAt = systemClock.monotonic();
  for (;;) {
    try {
      await systemClock.sleep(LOOK_MS, signal);
    } catch (error) {
      if (flags.rounds !== null) throw error;
      return network.report();
    }
    const report = network.report();
    if (report.rounds > shownRounds) log.info(`Round ${report.rounds}${flags.rounds === null ? "" : ` of ${flags.rounds}`} is over`, { block: report.block });
    shownRounds = report.rounds;
    if (flags.rounds !== null && report.rounds >= flags.rounds) return report;
    if (flags.json) continue;
    if (screen.isTerminal) screen.setFooter(["", ...devnetTable(report).split("\n"), "", "Ctrl-C stops the network"]);
    else if (systemClock.monotonic() - printedAt >= PRINT_MS) {
      printedAt = systemClock.monotonic();
      print(`${devnetTable(report)}\n`);
    }
  }
}

const COLUMNS: readonly Column[] = [
  { heading: "UID", align: "right" }, { heading: "HOTKEY" }, { heading: "ROLE" }, { heading: "DECLARED", align: "right" }, { heading: "VERIFIED", align: "right" },
  { heading: "PASSED", align: "right" }, { heading: "FAILED", align: "right" }, { heading: "LATE", align: "right" }, { heading: "OFFLINE", align: "right" }, { heading: "UNITS", align: "right" },
  { heading: "LATENCY", align: "right" }, { heading: "WEIGHT", align: "right" }, { heading: "INCENTIVE", align: "right" },
];

/** The network as a table: validators, then miners. Audit figures are the first validator's, weight and incentive the chain's. */
function devnetTable({ block, rounds, tempoBlocks, timeScale, miners, validators }: DevnetReport): string {
  const short = (hotkey: string) => `${hotkey.slice(0, 8)}…${hotkey.slice(-4)}`;
  const share = (value: number) => `${(value * 100).toFixed(1)} %`;
  const restarted = (restarts: number) => (restarts === 0 ? "" : `, restarted ${restarts}×`);
  const rows = [
    ...validators.map(({ uid, hotkey, isLiar, restarts }) => [String(uid), short(hotkey), `${isLiar ? "lying " : ""}validator${restarted(restarts)}`, ...Array<string>(10).fill("")]),
    ...miners.map((miner) => [
      String(miner.uid), short(miner.hotkey), `${miner.cheat === null ? "miner" : `cheat: ${miner.cheat}`}${restarted(miner.restarts)}`,
      formatSize(miner.declaredBytes), formatSize(miner.verifiedBytes), String(miner.passed), String(miner.failed), String(miner.late), String(miner.offline),
      `${miner.unitMatches}/${miner.unitMatches + miner.unitMismatches}`, miner.latencyMs === null ? "–" : `${Math.round(miner.latencyMs)} ms`,
      share(miner.weight), share(miner.incentive),
    ]),
  ];
  return `Block ${block}, round ${rounds} (an epoch of ${tempoBlocks} blocks), ${timeScale} × real time\n${table(COLUMNS, rows)}`;
}

function sayRegeneration({ log, flags }: Run<"devnet">, regenerateMs: number, cores: number): void {
  const facts = `regenerating one partition takes this machine's ${cores} cores ${formatDuration(regenerateMs)}, an audit allows ${formatDuration(AUDIT_DEADLINE_MS)}`;
  if (regenerateMs > 1.5 * AUDIT_DEADLINE_MS) log.info(`Space is proven by time here: ${facts}`);
  else log.warn(`Here a cheat can regenerate in time: ${facts}; raise --size${flags.validators > 1 ? " or use fewer --validators" : ""}`);
}

function openFolder(root: string): string {
  try {
    mkdirSync(root, { recursive: true });
    return mkdtempSync(join(root, "btstore-devnet-"));
  } catch (error) {
    throw new BtstoreError("disk", `Cannot make a folder in "${root}": ${describeError(error)}; choose another with --db_path`, { cause: error });
  }
}

/** Starts a role as the operator would, without anything that this shell's environment says about flags. */
const startRole: StartProcess = (args, options) => {
  const flagVariables = Object.keys(process.env).filter((name) => /^(BT|BTSTORE)_/.test(name));
  return startSelf(args, { ...options, environment: Object.fromEntries(flagVariables.map((name) => [name, undefined])) });
};
