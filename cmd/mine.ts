/** `btstore mine`: serves disk space until it is stopped. */
import { readFile } from "node:fs/promises";
import { BtstoreError, RAO_PER_TAO, describeError, formatDuration, formatSize, systemClock } from "../lib/core/mod.ts";
import { type CallerPolicy, Miner, type MinerReport, parseExternalAddress } from "../lib/miner/mod.ts";
import { openStore } from "../lib/store/mod.ts";
import { parseSs58 } from "../lib/wallet/mod.ts";
import type { AxonTls } from "../lib/wire/mod.ts";
import { command, type Run } from "./command.ts";
import { onlyLocation, openChain, openHotkey } from "./context.ts";
import { printJson } from "./output.ts";
import { expandHome } from "./paths.ts";
import { sayEvery } from "./repeat.ts";
import { versionNumber } from "./version.ts";

export const mine = command("mine", async (run: Run<"mine">) => {
  const { flags, origins, signal, log } = run;
  const externalIp = flags["axon.external_ip"] === null ? null : parseExternalAddress(flags["axon.external_ip"]);
  const callers: CallerPolicy = {
    banned: parseHotkeys("blacklist.hotkeys", flags["blacklist.hotkeys"]),
    allowed: parseHotkeys("blacklist.whitelist_hotkeys", flags["blacklist.whitelist_hotkeys"]),
    needsPermit: flags["blacklist.force_validator_permit"],
    takesUnregistered: flags["blacklist.allow_non_registered"],
    stakeMin: BigInt(flags["blacklist.minimum_stake_requirement"]) * RAO_PER_TAO,
  };
  const tls = await loadTls(flags["axon.tls_cert"], flags["axon.tls_key"]);
  const location = onlyLocation(flags);
  const hotkey = await openHotkey(run);
  const chain = await openChain(run);
  try {
    const { netuid } = flags;
    const store = await openStore({ ...location, self: hotkey.ss58, netuid, genesisHash: chain.genesisHash });
    try {
      const miner = await Miner.open({
        hotkey, netuid, chain, store, callers, log,
        limits: { threshold: flags.size !== null && origins.threshold === "default" ? null : flags.threshold, sizeBytes: flags.size, isForAll: flags["allocate.all"] },
        workers: flags.workers,
        restart: flags.restart,
        stepsPerReallocate: flags.steps_per_reallocate,
        axon: { ip: flags["axon.ip"], port: flags["axon.port"], externalIp, externalPort: flags["axon.external_port"] },
        version: versionNumber(),
        ...(tls ? { tls } : {}),
        clock: systemClock,
      });
      sayEvery(flags["logging.interval"], signal, log, () => {
        const report = miner.report();
        if (flags.json) printJson(report);
        log.info(statusLine(report));
      });
      await miner.run(signal);
    } finally {
      await store.close();
    }
  } finally {
    await chain.close();
  }
});

function parseHotkeys(flag: string, texts: readonly string[]): Set<string> {
  return new Set(
    texts.map((text) => {
      const address = parseSs58(text);
      if (address === null) throw new BtstoreError("usage", `Cannot read "--${flag}": "${text}" is no SS58 address`);
      return address;
    }),
  );
}

/** The certificate and its key, or neither. Whether they fit is seen when the axon listens. */
async function loadTls(certPath: string | null, keyPath: string | null): Promise<AxonTls | null> {
  if (certPath === null && keyPath === null) return null;
  if (certPath === null || keyPath === null) throw new BtstoreError("usage", "Cannot speak TLS: --axon.tls_cert and --axon.tls_key need each other");
  const [cert, key] = await Promise.all([certPath, keyPath].map(readPem));
  return { cert: cert!, key: key! };
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(expandHome(path), "utf8");
  } catch (error) {
    throw new BtstoreError("usage", `Cannot read "${path}": ${describeError(error)}`, { cause: error });
  }
}

/** One line for people: where it stands, what it holds, what was asked of it. */
function statusLine({ uid, block, isChainConnected, partitions, fill, audits, incentive }: MinerReport): string {
  const sum = (pick: (partition: MinerReport["partitions"][number]) => number) => formatSize(partitions.reduce((total, partition) => total + pick(partition), 0));
  const parts = [
    `uid ${uid ?? "–"}, block ${block}${isChainConnected ? "" : " (the chain is away)"}`,
    `${partitions.length} partitions of ${sum(({ sizeBytes }) => sizeBytes)}: ${sum(({ sealedBytes }) => sealedBytes)} sealed, ${sum(({ declaredBytes }) => declaredBytes)} declared`,
    `audits answered ${audits.openings} of ${audits.hops}, refused ${audits.refused}`,
    `incentive ${incentive.toFixed(4)}`,
  ];
  if (fill !== null && fill.bytesPerSecond > 0) {
    parts.splice(2, 0, `sealing ${formatSize(fill.bytesPerSecond)}/s, ${formatDuration(((fill.totalBytes - fill.doneBytes) / fill.bytesPerSecond) * 1000)} left`);
  }
  return parts.join("; ");
}
