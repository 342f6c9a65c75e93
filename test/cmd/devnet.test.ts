/**
 * The whole network, from the built executable: honest miners whose processes are killed, each cheat, a lying validator.
 * Runs at 120 times real time, so that a round takes half a minute; deadlines and the seal profile stay what they are.
 */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { DevnetReport } from "../../lib/devnet/mod.ts";
import { EXECUTABLE, btstore, cleanEnvironment } from "./executable.ts";

const TIMEOUT_MS = 240_000;
const QUICK = ["--time_scale", "120"];

type Ran = { readonly status: number; readonly report: DevnetReport; readonly log: readonly string[] };

/** Runs a devnet to its end. `onLog` sees every line of its log as it comes. */
async function devnet(words: readonly string[], onLog: (line: string, log: readonly string[]) => void = () => {}): Promise<Ran> {
  const child = Bun.spawn([EXECUTABLE, "devnet", "--json", "--logging.debug", ...words], { env: cleanEnvironment(), stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const stdout = new Response(child.stdout).text();
  const log: string[] = [];
  let rest = "";
  for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      log.push(line);
      onLog(line, log);
    }
  }
  const status = await child.exited;
  const lines = (await stdout).trimEnd().split("\n");
  expect(status, log.slice(-20).join("\n")).toBe(0);
  return { status, report: JSON.parse(lines.at(-1)!) as DevnetReport, log };
}

/** Pids by name, from the lines that say who was started. */
function pidsIn(log: readonly string[]): Map<string, number> {
  return new Map(log.flatMap((line) => {
    const match = /Started name=(\S+) pid=(\d+)/.exec(line);
    return match ? [[match[1]!, Number(match[2])] as const] : [];
  }));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Audits that a validator said it had passed, in the order of its status lines. */
function passedIn(log: readonly string[]): number[] {
  return log.flatMap((line) => {
    const match = /validator-1: .*audits passed (\d+)/.exec(line);
    return match ? [Number(match[1])] : [];
  });
}

describe("btstore devnet", () => {
  test("pays honest miners by verified space, and goes on when each of its processes is killed", async () => {
    let passedBefore = 0;
    let killedAt = -1;
    const { report, log } = await devnet(["--rounds", "3", ...QUICK], (line, soFar) => {
      if (killedAt >= 0 || !line.includes("Round 1 of 3 is over")) return;
      passedBefore = passedIn(soFar).at(-1)!;
      killedAt = soFar.length;
      const pids = pidsIn(soFar);
      expect(pids.size).toBe(4);
      for (const pid of pids.values()) process.kill(pid, "SIGKILL");
    });
    expect(report.rounds).toBe(3);
    expect(report.miners).toHaveLength(3);
    for (const miner of report.miners) {
      expect(miner.restarts, miner.name).toBe(1);
      expect(miner.declaredBytes, miner.name).toBe(report.partitionBytes);
      expect(miner.verifiedBytes, miner.name).toBeGreaterThan(0);
      expect(miner.weight, miner.name).toBeGreaterThan(0.1);
      expect(miner.incentive, miner.name).toBeGreaterThan(0.1);
      expect(miner.unitMismatches, miner.name).toBe(0);
    }
    // The ledgers outlive the validator's process, and a restarted miner needs no second fill.
    expect(report.validators[0]!.restarts).toBe(1);
    expect(passedIn(log.slice(killedAt))[0]!).toBeGreaterThanOrEqual(passedBefore);
    const firstAfter = log.slice(killedAt).find((line) => /miner-1: .*partitions of/.test(line));
    expect(firstAfter).toContain("512 MiB sealed");
    // Nobody and nothing is left behind.
    for (const { pid } of [...report.miners, ...report.validators]) expect(pid !== null && isAlive(pid)).toBe(false);
    expect(existsSync(/Devnet in "([^"]+)"/.exec(log.join("\n"))![1]!)).toBe(false);
  }, TIMEOUT_MS);

  test("gives nothing to miners that drop data, claim more than they hold, or steer the walk", async () => {
    const { report } = await devnet(["--rounds", "2", "--miners", "5", "--cheat", "drop,overclaim,steer", ...QUICK]);
    const cheats = new Map(report.miners.flatMap((miner) => (miner.cheat === null ? [] : [[miner.cheat, miner] as const])));
    for (const [kind, { weight, incentive, declaredBytes }] of cheats) {
      expect(declaredBytes, kind).toBeGreaterThan(0);
      expect([weight, incentive].every((share) => share < 0.02), `${kind}: ${weight}, ${incentive}`).toBe(true);
    }
    expect(cheats.get("drop")!.failed).toBeGreaterThan(0);
    expect(cheats.get("steer")!.failed).toBeGreaterThan(0);
    // Its audits pass: only the unit checks see it.
    expect(cheats.get("overclaim")).toMatchObject({ failed: 0, unitMismatches: 1 });
    expect(cheats.get("overclaim")!.passed).toBeGreaterThan(0);
    for (const { cheat, failed, weight } of report.miners) if (cheat === null) expect([failed, weight > 0.1]).toEqual([0, true]);
  }, TIMEOUT_MS);

  test("gives nothing to a miner that regenerates its filler for each audit", async () => {
    const { report } = await devnet(["--rounds", "2", "--cheat", "regenerate", ...QUICK]);
    const cheat = report.miners.find((miner) => miner.cheat === "regenerate")!;
    expect(cheat.declaredBytes).toBe(report.partitionBytes);
    expect(cheat.late).toBeGreaterThan(0);
    expect([cheat.passed, cheat.weight, cheat.incentive]).toEqual([0, 0, 0]);
    for (const { cheat: kind, failed, weight } of report.miners) if (kind === null) expect([failed, weight > 0.1]).toEqual([0, true]);
  }, TIMEOUT_MS);

  test("lets a lying validator lift its friend no higher than the honest majority's median", async () => {
    const { report } = await devnet(["--rounds", "2", "--miners", "2", "--validators", "3", "--liar", "--size", "96MiB", ...QUICK]);
    const [friend, other] = [report.miners.at(-1)!, report.miners[0]!];
    const honest = report.validators.filter(({ isLiar }) => !isLiar);
    const liar = report.validators.find(({ isLiar }) => isLiar)!;
    expect(liar.weights).toEqual([{ uid: friend.uid, weight: 65_535 }]);
    const shareOf = (validator: (typeof honest)[number], uid: number) => {
      const sum = validator.weights.reduce((total, { weight }) => total + weight, 0);
      return (validator.weights.find((each) => each.uid === uid)?.weight ?? 0) / sum;
    };
    const friendShares = honest.map((validator) => shareOf(validator, friend.uid));
    const otherShares = honest.map((validator) => shareOf(validator, other.uid));
    // Stakes are 10,000, 10,000 and 4,000: the median by stake is the honest validators' larger share of the friend, smaller of the other.
    const friendRank = 10 * friendShares[0]! + 10 * friendShares[1]! + 4 * Math.max(...friendShares);
    const otherRank = 20 * Math.min(...otherShares);
    expect(friend.incentive).toBeCloseTo(friendRank / (friendRank + otherRank), 1);
    expect(other.incentive).toBeGreaterThan(0);
  }, TIMEOUT_MS);

  test("refuses what cannot be: only cheats, a lonely liar, two clocks, no disk", async () => {
    const refusals: [words: string[], status: number, text: string][] = [
      [["--miners", "1", "--cheat", "drop"], 2, "at least one must be honest"],
      [["--liar"], 2, "--validators 2 or more"],
      [["--block_time", "100", "--time_scale", "60"], 2, "say the same thing"],
      [["--cheat", "steal"], 2, "regenerate, drop, overclaim, steer"],
      [["--size", "900TiB"], 8, "use fewer --miners"],
      [["--db_path", "/proc/none"], 7, "choose another with --db_path"],
    ];
    for (const [words, status, text] of refusals) {
      const ended = await btstore(["devnet", ...words]);
      expect([ended.status, ended.stderr], words.join(" ")).toEqual([status, expect.stringContaining(text)]);
      expect(ended.stdout).toBe("");
    }
  }, 60_000);

  test("ends by Ctrl-C with its last table and leaves nothing behind", async () => {
    const child = Bun.spawn([EXECUTABLE, "devnet", "--miners", "1", "--size", "32MiB"], { env: cleanEnvironment(), stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const stdout = new Response(child.stdout).text();
    let log = "";
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
      const wasStarted = log.includes("miner-1");
      log += chunk;
      if (!wasStarted && log.includes("miner-1")) child.kill("SIGINT");
    }
    expect(await child.exited).toBe(0);
    expect(await stdout).toContain("HOTKEY");
    for (const pid of pidsIn(log.split("\n")).values()) expect(isAlive(pid)).toBe(false);
  }, 60_000);
});
