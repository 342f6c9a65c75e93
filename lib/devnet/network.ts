/**
 * A whole network on one machine: an embedded chain, and every miner and validator a process of its own.
 *
 * The processes are the product's ordinary roles. They find the chain by its address, each other by the chain, and their
 * pace by the chain's block time; nothing tells them that this is a devnet. A process that dies is started again.
 */
import { createServer } from "node:net";
import { statfsSync } from "node:fs";
import { join } from "node:path";
import { BtstoreError, type Clock, type Log, RAO_PER_TAO, type Ss58, STANDARD_BLOCK_MS, formatSize } from "../core/mod.ts";
import { createColdkey, createHotkey } from "../wallet/mod.ts";
import { type DevnetChain, startChain } from "./chain/mod.ts";
import type { CheatKind } from "./cheat_kinds.ts";
import { type DevnetMiner, type DevnetReport, type DevnetValidator, UNTOLD, readValidatorLine } from "./report.ts";
import { type StartProcess, Supervised } from "./supervise.ts";

export type DevnetOptions = {
  /** Empty, ours alone: wallets and partitions go there. */
  readonly folder: string;
  readonly minerCount: number;
  readonly validatorCount: number;
  /** The last miners are these, one each; fewer than miners. */
  readonly cheats: readonly CheatKind[];
  /** The last validator gives all its weight to the last miner. */
  readonly hasLiar: boolean;
  /** Bytes of each miner's space, divided among validators by stake. */
  readonly sizeBytes: number;
  /** How many times faster than 12-second blocks. */
  readonly timeScale: number;
  readonly start: StartProcess;
  readonly clock: Clock;
  readonly log: Log;
  /** Seconds between two status lines of each process. */
  readonly intervalSeconds: number;
  /** Fill workers of each miner. */
  readonly workers: number;
};

const NETUID = 1;
/** One round: an hour of protocol time, so that each miner has one unit check in it. */
const TEMPO_BLOCKS = 300;
/** As on finney. */
const WEIGHTS_RATE_BLOCKS = 100;
const SERVING_RATE_BLOCKS = 1;
const VALIDATOR_STAKE = 10_000n * RAO_PER_TAO;
/** A liar has less stake than the honest: against a majority of stake no consensus helps. */
const LIAR_STAKE = 4_000n * RAO_PER_TAO;
const STAKE_THRESHOLD = 1_000n * RAO_PER_TAO;
/** Loopback, and not the one loopback address that the chain refuses. */
const LOOPBACK = "127.0.0.2";
/** Beside the partitions: hashes files, wallets, and what the machine needs to live. */
const SPARE_BYTES = 512 * 2 ** 20;

type Member = { readonly name: string; readonly hotkey: Ss58; readonly coldkey: Ss58 };
type RunningMiner = Member & { readonly cheat: CheatKind | null; readonly process: Supervised };
type RunningValidator = Member & { readonly isLiar: boolean; readonly process: Supervised };
/** What the first validator told last, by hotkey. */
type Told = { miners: ReturnType<typeof readValidatorLine> };

/** A running network. */
export class Devnet {
  readonly chain: DevnetChain;
  readonly #options: DevnetOptions;
  readonly #miners: readonly RunningMiner[];
  readonly #validators: readonly RunningValidator[];
  readonly #told: Told;
  #rounds = 0;
  #epochs = 0;

  private constructor(options: DevnetOptions, chain: DevnetChain, parts: { miners: RunningMiner[]; validators: RunningValidator[]; told: Told }) {
    this.#options = options;
    this.chain = chain;
    this.#miners = parts.miners;
    this.#validators = parts.validators;
    this.#told = parts.told;
  }

  /**
   * Starts the chain and all processes.
   *
   * @throws {BtstoreError} `disk_full` if the disk cannot hold all miners' space; `usage` if there are more cheats than miners.
   */
  static async open(options: DevnetOptions): Promise<Devnet> {
    const { folder, minerCount, validatorCount, cheats, hasLiar, sizeBytes, timeScale, start, clock, log, intervalSeconds, workers } = options;
    if (cheats.length >= minerCount) throw new BtstoreError("usage", `Cannot start ${cheats.length} cheats among ${minerCount} miners: at least one must be honest; raise --miners`);
    if (hasLiar && validatorCount < 2) throw new BtstoreError("usage", "Cannot start a liar as the only validator: use --validators 2 or more");
    const threshold = thresholdFor(folder, sizeBytes, minerCount);
    const wallets = join(folder, "wallets");
    const validatorMembers = await makeMembers(wallets, "validator", validatorCount);
    const minerMembers = await makeMembers(wallets, "miner", minerCount);
    const stakeOf = (i: number) => (hasLiar && i === validatorCount - 1 ? LIAR_STAKE : VALIDATOR_STAKE);
    const chain = await startChain({
      blockMs: Math.round(STANDARD_BLOCK_MS / timeScale),
      tempoBlocks: TEMPO_BLOCKS,
      subnet: {
        netuid: NETUID, stakeThreshold: STAKE_THRESHOLD, weightsSetRateLimit: WEIGHTS_RATE_BLOCKS, servingRateLimit: SERVING_RATE_BLOCKS,
        neurons: [...validatorMembers.map((member, i) => ({ ...member, stake: stakeOf(i) })), ...minerMembers.map((member) => ({ ...member, stake: 0n }))],
      },
    });
    const told: Told = { miners: null };
    const common = (name: string) => [
      "--wallet.path", wallets, "--wallet.name", name, "--db_path", join(folder, "db"), "--netuid", String(NETUID),
      "--subtensor.network", chain.url, "--logging.interval", String(intervalSeconds), "--json",
    ];
    const supervise = (name: string, args: string[], lowPriority: boolean, onLine: (line: string) => void) =>
      new Supervised({ name, args, lowPriority, start, clock, log, onLine, onLogLine: (line) => log.debug(`${name}: ${line}`) });
    const validators = validatorMembers.map((member, i) => {
      const isLiar = hasLiar && i === validatorCount - 1;
      const friend = minerMembers.at(-1)!.hotkey;
      const args = isLiar ? ["devnet-cheater", "--friend", friend, ...common(member.name)] : ["validate", ...common(member.name)];
      const onLine = i === 0 ? (line: string) => void (told.miners = readValidatorLine(line) ?? told.miners) : () => {};
      return { ...member, isLiar, process: supervise(member.name, args, false, onLine) };
    });
    const miners: RunningMiner[] = [];
    for (const [i, member] of minerMembers.entries()) {
      const cheat = cheats[i - (minerCount - cheats.length)] ?? null;
      const args = [
        ...(cheat === null ? ["mine"] : ["devnet-cheater", "--cheat", cheat]), ...common(member.name), "--size", String(sizeBytes), "--threshold", String(threshold),
        "--workers", String(workers), "--axon.ip", LOOPBACK, "--axon.port", String(await freePort()), "--axon.external_ip", LOOPBACK,
      ];
      // Cheats burn all the CPU there is; the honest must not be late for it.
      miners.push({ ...member, cheat, process: supervise(member.name, args, cheat !== null, () => {}) });
    }
    for (const { name, process } of [...validators, ...miners]) log.info("Started", { name, pid: process.pid });
    return new Devnet(options, chain, { miners, validators, told });
  }

  /** Counts the rounds; call it at least once per epoch. */
  get rounds(): number {
    const epochs = this.chain.epochCount(NETUID);
    const hasWeights = this.chain.neurons(NETUID).some(({ weights }) => weights.length > 0);
    if (hasWeights) this.#rounds += epochs - this.#epochs;
    this.#epochs = epochs;
    return this.#rounds;
  }

  /** The facts of the moment. */
  report(): DevnetReport {
    const { timeScale, sizeBytes, validatorCount } = this.#options;
    const neurons = new Map(this.chain.neurons(NETUID).map((neuron) => [neuron.hotkey, neuron]));
    const first = neurons.get(this.#validators[0]!.hotkey)!.weights;
    const weightSum = first.reduce((sum, { weight }) => sum + weight, 0);
    const miners = this.#miners.map(({ name, hotkey, cheat, process }): DevnetMiner => {
      const { uid, incentive } = neurons.get(hotkey)!;
      const told = { ...UNTOLD, ...this.#told.miners?.get(hotkey) };
      return {
        uid, hotkey, name, cheat, pid: process.pid, restarts: process.restartCount,
        declaredBytes: told.declaredBytes, verifiedBytes: told.verifiedBytes, passed: told.passed, failed: told.failed, late: told.late, offline: told.offline, unknown: told.unknown,
        unitMatches: told.unitMatches, unitMismatches: told.unitMismatches, latencyMs: told.latencyMs,
        weight: weightSum === 0 ? 0 : (first.find((each) => each.uid === uid)?.weight ?? 0) / weightSum, incentive: incentive / 65_535,
      };
    });
    const validators = this.#validators.map(({ name, hotkey, isLiar, process }): DevnetValidator => {
      const { uid, hasValidatorPermit, weights } = neurons.get(hotkey)!;
      return { uid, hotkey, name, isLiar, pid: process.pid, restarts: process.restartCount, hasPermit: hasValidatorPermit, weights };
    });
    return {
      chain: this.chain.url, block: this.chain.head().number, rounds: this.rounds, timeScale, blockMs: Math.round(STANDARD_BLOCK_MS / timeScale), tempoBlocks: TEMPO_BLOCKS,
      partitionBytes: Math.floor(sizeBytes / validatorCount), miners, validators,
    };
  }

  /** Stops all processes, then the chain. */
  async stop(): Promise<void> {
    await Promise.all([...this.#miners, ...this.#validators].map(({ process }) => process.stop()));
    await this.chain.stop();
  }
}

async function makeMembers(wallets: string, role: string, count: number): Promise<Member[]> {
  const members: Member[] = [];
  for (let i = 1; i <= count; i++) {
    const location = { path: wallets, name: `${role}-${i}`, hotkey: "default" };
    const coldkey = await createColdkey(location, { password: null });
    const hotkey = await createHotkey(location, { password: null });
    members.push({ name: location.name, hotkey: hotkey.ss58, coldkey: coldkey.ss58 });
  }
  return members;
}

/** The threshold that yields each miner its space while the others fill theirs. */
function thresholdFor(folder: string, sizeBytes: number, minerCount: number): number {
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  const leftBytes = freeBytes - minerCount * sizeBytes;
  if (leftBytes < SPARE_BYTES) {
    throw new BtstoreError("disk_full", `Cannot start ${minerCount} miners of ${formatSize(sizeBytes)}: ${formatSize(freeBytes)} are free; use fewer --miners, a smaller --size, or another --db_path`);
  }
  // What is left when all the others are full, so that the size is the smaller bound and decides.
  return Math.min(1, (1.01 * sizeBytes) / (leftBytes + sizeBytes));
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, LOOPBACK, () => {
      const address = probe.address();
      probe.close(() => (address !== null && typeof address === "object" ? resolve(address.port) : reject(new TypeError("no port"))));
    });
  });
}
