/** `btstore status`: what is on this machine, beside the roles that run on it. (`cmd/status.ts` has the exit statuses.) */
import type { Chain, Metagraph } from "../lib/chain/mod.ts";
import { describeError, formatDuration, formatSize, formatTao, STANDARD_BLOCK_MS, systemClock, windowsFor } from "../lib/core/mod.ts";
import { storeFolder } from "../lib/store/mod.ts";
import { command, type Run } from "./command.ts";
import { openChain } from "./context.ts";
import { print, printJson, table } from "./output.ts";
import { type ChainView, folderFacts, type FolderFacts, hotkeyFolders, type MinerFacts, type ValidatorFacts } from "./overview_facts.ts";
import { expandHome } from "./paths.ts";

/** Between two looks of `--watch`, in milliseconds. */
const WATCH_MS = 2000;
/** The chain is asked for a metagraph this often at most, in milliseconds. */
const METAGRAPH_MS = 12_000;

type Facts = { readonly at: Date; readonly folders: readonly FolderFacts[] };

export const status = command("status", async (run: Run<"status">) => {
  const { flags, origins, log } = run;
  const isChainWanted = flags.chain || origins["subtensor.network"] === "flag" || origins["subtensor.chain_endpoint"] === "flag";
  const chain = isChainWanted ? await openChain(run) : null;
  try {
    const look = lookFor(run, chain);
    const blockMs = chain?.blockMs ?? STANDARD_BLOCK_MS;
    if (flags.watch) return await watch(run, look, blockMs);
    const facts = await look();
    if (flags.json) return printJson(facts);
    if (facts.folders.length === 0) return log.info(`Nothing of a miner or validator in ${flags.db_path.map((path) => `"${expandHome(path)}"`).join(", ")}; "btstore alloc" makes partitions`);
    print(statusText(facts, null, blockMs));
  } finally {
    await chain?.close();
  }
});

/** One look after another at the same folders: those of the hotkey that was named, or of all hotkeys if none was. */
function lookFor({ flags, origins }: Run<"status">, chain: Chain | null): () => Promise<Facts> {
  const isNamed = origins["wallet.name"] !== "default" || origins["wallet.hotkey"] !== "default";
  const folders = () => flags.db_path.map(expandHome).flatMap((dbPath) => (isNamed ? [storeFolder({ dbPath, walletName: flags["wallet.name"], hotkeyName: flags["wallet.hotkey"] })] : hotkeyFolders(dbPath)));
  const windows = windowsFor(chain?.blockMs ?? STANDARD_BLOCK_MS);
  const view = chain === null ? null : chainView(chain);
  return async () => {
    const found: FolderFacts[] = [];
    for (const folder of folders()) {
      const facts = await folderFacts(folder, windows, systemClock.now(), view);
      if (facts) found.push(facts);
    }
    return { at: new Date(systemClock.now()), folders: found };
  };
}

function chainView(chain: Chain): ChainView {
  const kept = new Map<number, { readonly readMs: number; readonly metagraph: Promise<Metagraph> }>();
  return {
    genesisHash: chain.genesisHash,
    metagraphOf(netuid) {
      const known = kept.get(netuid);
      if (known && systemClock.monotonic() - known.readMs < METAGRAPH_MS) return known.metagraph;
      const metagraph = chain.metagraph(netuid);
      kept.set(netuid, { readMs: systemClock.monotonic(), metagraph });
      return metagraph;
    },
  };
}

/** Looks again and again until Ctrl-C, which is the ordinary end. What fails meanwhile is shown, and tried again. */
async function watch({ flags, signal, screen, log }: Run<"status">, look: () => Promise<Facts>, blockMs: number): Promise<void> {
  let before: Facts | null = null;
  const onResize = () => screen.clear();
  process.on("SIGWINCH", onResize);
  try {
    for (;;) {
      try {
        const facts = await look();
        if (flags.json) printJson(facts);
        else if (screen.isTerminal) screen.setFooter([`${facts.at.toTimeString().slice(0, 8)}  Ctrl-C ends`, "", ...statusText(facts, before, blockMs, shortAddress).split("\n")]);
        else print(`${statusText(facts, before, blockMs)}\n`);
        before = facts;
      } catch (error) {
        log.warn("Cannot look now", { reason: describeError(error) });
      }
      await systemClock.sleep(WATCH_MS, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    process.off("SIGWINCH", onResize);
    screen.close();
  }
}

function statusText(facts: Facts, before: Facts | null, blockMs: number, shown: (address: string) => string = (address) => address): string {
  if (facts.folders.length === 0) return "Nothing of a miner or validator here yet";
  return facts.folders.map((folder) => [
    `${folder.wallet}/${folder.hotkeyName}: ${folder.folder}${folder.freeBytes === null ? "" : `, ${formatSize(folder.freeBytes)} free`}`,
    ...(folder.problem === null ? [] : [folder.problem]),
    ...folder.roles.map((role) => [headOf(role, blockMs), role.role === "miner" ? minerText(role, sealingRates(folder, facts, before), shown) : validatorText(role, facts.at, shown), ...role.problems.map(({ peer, reason }) => `${peer}: ${reason}`)].join("\n")),
  ].join("\n")).join("\n\n");
}

/** `miner 5F3s… on subnet 7: runs as process 4121; uid 3, incentive 12.0 %`. */
function headOf({ role, hotkey, netuid, isRunning, pid, chain }: MinerFacts | ValidatorFacts, blockMs: number): string {
  const whose = hotkey === null ? role : `${role} ${hotkey} on subnet ${netuid}`;
  const life = isRunning ? `runs${pid === null ? "" : ` as process ${pid}`}` : "does not run";
  if (chain === null) return `${whose}: ${life}`;
  if (chain.uid === null) return `${whose}: ${life}; not registered at block ${chain.block}`;
  const ago = (block: number) => formatDuration((chain.block - block) * blockMs);
  const place = [`uid ${chain.uid}`, `incentive ${percent(chain.incentive)}`, `stake ${formatTao(chain.stake)}`, chain.hasPermit ? "validator permit" : "no validator permit", `registered ${ago(chain.registeredBlock)} ago`];
  if (role === "validator") place.push(chain.updatedBlock === 0 ? "weights never set" : `weights set ${ago(chain.updatedBlock)} ago`);
  return `${whose}: ${life}; ${place.join(", ")}`;
}

const RIGHT = { align: "right" } as const;

function minerText({ partitions }: MinerFacts, ratePerMs: ReadonlyMap<string, number>, shown: (address: string) => string): string {
  if (partitions.length === 0) return "no partitions yet";
  const rows = partitions.map((partition) => [
    shown(partition.validator), formatSize(partition.sizeBytes), formatSize(partition.sealedBytes), formatSize(partition.declaredBytes), stateText(partition, ratePerMs.get(partition.validator) ?? 0),
  ]);
  const sum = (pick: (partition: MinerFacts["partitions"][number]) => number) => formatSize(partitions.reduce((total, partition) => total + pick(partition), 0));
  if (partitions.length > 1) rows.push(["all", sum(({ sizeBytes }) => sizeBytes), sum(({ sealedBytes }) => sealedBytes), sum(({ declaredBytes }) => declaredBytes), ""]);
  return table([{ heading: "VALIDATOR" }, { heading: "SIZE", ...RIGHT }, { heading: "SEALED", ...RIGHT }, { heading: "DECLARED", ...RIGHT }, { heading: "STATE" }], rows);
}

function stateText({ state, sizeBytes, sealedBytes, wantedBytes }: MinerFacts["partitions"][number], ratePerMs: number): string {
  if (state === "resizing") return `becomes ${formatSize(wantedBytes)}`;
  if (state !== "filling") return state;
  const part = `${Math.floor((sealedBytes / sizeBytes) * 100)} % sealed`;
  return ratePerMs > 0 ? `${part}, ${formatSize(ratePerMs * 1000)}/s, ${formatDuration((sizeBytes - sealedBytes) / ratePerMs)} left` : part;
}

/** Bytes per millisecond since the look before, by validator. */
function sealingRates({ folder, roles }: FolderFacts, facts: Facts, before: Facts | null): Map<string, number> {
  const rates = new Map<string, number>();
  const old = before?.folders.find((each) => each.folder === folder);
  if (!before || !old) return rates;
  const sealedIn = (from: FolderFacts["roles"]) => from.flatMap((role) => (role.role === "miner" ? role.partitions : []));
  const was = new Map(sealedIn(old.roles).map(({ validator, sealedBytes }) => [validator, sealedBytes]));
  const elapsedMs = facts.at.getTime() - before.at.getTime();
  for (const { validator, sealedBytes } of sealedIn(roles)) if (elapsedMs > 0) rates.set(validator, (sealedBytes - (was.get(validator) ?? sealedBytes)) / elapsedMs);
  return rates;
}

function validatorText({ miners }: ValidatorFacts, at: Date, shown: (address: string) => string): string {
  if (miners.length === 0) return "no miners yet";
  const rows = miners.map(({ miner, declaredBytes, audits, unitChecks, lastElapsedMs, lastMiss }) => [
    shown(miner), formatSize(declaredBytes), String(audits.pass), String(audits.fail), String(audits.late), String(audits.offline),
    `${unitChecks.matches}/${unitChecks.matches + unitChecks.mismatches}`, lastElapsedMs === null ? "–" : `${Math.round(lastElapsedMs)} ms`,
    lastMiss === null ? "–" : `${lastMiss.fault ?? lastMiss.kind}, ${formatDuration(Math.max(0, at.getTime() - lastMiss.at))} ago`,
  ]);
  return table(
    [{ heading: "MINER" }, { heading: "DECLARED", ...RIGHT }, { heading: "PASSED", ...RIGHT }, { heading: "FAILED", ...RIGHT }, { heading: "LATE", ...RIGHT }, { heading: "OFFLINE", ...RIGHT }, { heading: "UNITS", ...RIGHT }, { heading: "LATENCY", ...RIGHT }, { heading: "LAST MISS" }],
    rows,
  );
}

/** A live table must fit the terminal: its lines are cut, not wrapped. */
function shortAddress(address: string): string {
  return `${address.slice(0, 8)}…${address.slice(-4)}`;
}

function percent(value: number): string {
  return `${(value * 100).toFixed(1)} %`;
}
