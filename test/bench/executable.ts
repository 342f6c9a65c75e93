/**
 * What the built executable costs before it does anything: the time of `--help`, and the memory of an idle miner that is
 * sealed, announced and connected to a chain. Expected limits: starting Bun and reading one chunk of bytecode; the heap of
 * @polkadot/api with the chain's metadata.
 *
 * `bun test/bench/executable.ts [rounds]`; tiny under the test command. Needs `npm run build`.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { RAO_PER_TAO } from "../../lib/core/mod.ts";
import { startChain } from "../../lib/devnet/mod.ts";
import { createColdkey, createHotkey } from "../../lib/wallet/mod.ts";
import { EXECUTABLE, cleanEnvironment } from "../cmd/executable.ts";

/** Milliseconds of each `--help`, and the idle miner's resident memory in bytes. */
export type ExecutableFigures = { readonly helpMs: number[]; readonly helpText: string; readonly idleMinerBytes: number };

/** How long the miner idles, answering nobody, before it is looked at. */
const SETTLE_MS = 3_000;

/** Runs `--help` so often, then one miner of one 1 MiB partition. */
export async function measureExecutable(rounds: number): Promise<ExecutableFigures> {
  const helpMs: number[] = [];
  let helpText = "";
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    const child = Bun.spawn([EXECUTABLE, "--help"], { env: cleanEnvironment(), stdout: "pipe" });
    helpText = await new Response(child.stdout).text();
    await child.exited;
    helpMs.push(performance.now() - begin);
  }
  return { helpMs, helpText, idleMinerBytes: await idleMiner() };
}

async function idleMiner(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "btstore-idle-"));
  const wallets = join(folder, "wallets");
  const neurons = [];
  for (const [name, stake] of [["validator", 10_000n], ["miner", 0n]] as const) {
    const location = { path: wallets, name, hotkey: "default" };
    const [coldkey, hotkey] = [await createColdkey(location, { password: null }), await createHotkey(location, { password: null })];
    neurons.push({ hotkey: hotkey.ss58, coldkey: coldkey.ss58, stake: stake * RAO_PER_TAO });
  }
  const chain = await startChain({ blockMs: 200, subnet: { netuid: 1, neurons } });
  const flags = { "wallet.path": wallets, "wallet.name": "miner", db_path: join(folder, "db"), "subtensor.network": chain.url, size: "1MiB", "axon.ip": "127.0.0.2", "axon.external_ip": "127.0.0.2", "axon.port": "28717", "logging.interval": "1" };
  const child = Bun.spawn([EXECUTABLE, "mine", ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)], { env: cleanEnvironment(), stderr: "pipe" });
  try {
    let log = "";
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
      log += chunk;
      if (log.includes("1.00 MiB sealed")) break;
    }
    if (!log.includes("1.00 MiB sealed")) throw new Error(`the miner ended before it had sealed anything:\n${log}`);
    await Bun.sleep(SETTLE_MS);
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))![1]) * 1024;
  } finally {
    child.kill("SIGKILL");
    await child.exited;
    await chain.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const rounds = Number(process.argv[2] ?? 20);
  const { helpMs, idleMinerBytes } = await measureExecutable(rounds);
  const sorted = helpMs.toSorted((a, b) => a - b);
  console.log(`${cpus()[0]!.model}, ${cpus().length} cores`);
  console.log(`--help, ${rounds} runs: median ${sorted[Math.floor(rounds / 2)]!.toFixed(1)} ms, ${sorted[0]!.toFixed(1)} to ${sorted.at(-1)!.toFixed(1)} ms`);
  console.log(`idle miner: ${(idleMinerBytes / 2 ** 20).toFixed(0)} MiB resident`);
}
