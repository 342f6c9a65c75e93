import { describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { btstore, cleanEnvironment, EXECUTABLE } from "../cmd/executable.ts";
import { NETUID, startSubnet, type Subnet } from "../cmd/subnet.ts";

const KILLS = 10;

/** Runs that end before their kill do not count; past this many something is wrong. */
const RUNS_MAX = 60;

/** Two chunks for each of four validators: one unit each, recorded one by one. */
const SIZE = ["--size", "9MiB"];

/** xorshift32, so that a printed seed repeats the instants (as far as two processes can). */
function generator(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function words(subnet: Subnet, dbPath: string, ...more: string[]): string[] {
  return ["alloc", ...subnet.words(), "--db_path", dbPath, "--no_prompt", "--json", ...SIZE, ...more];
}

/** Runs `alloc`; kills it after `afterMs` if it still runs. */
async function killed(subnet: Subnet, dbPath: string, afterMs: number, isRestart: boolean): Promise<boolean> {
  const child = Bun.spawn([EXECUTABLE, ...words(subnet, dbPath, ...(isRestart ? ["--restart"] : []))], { env: cleanEnvironment(), stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  const timer = setTimeout(() => child.kill("SIGKILL"), afterMs);
  await child.exited;
  clearTimeout(timer);
  return child.signalCode === "SIGKILL";
}

describe("btstore alloc", () => {
  test(
    "killed at ten random instants and run again, ends with the bytes of an uninterrupted fill, and verify is clean throughout",
    async () => {
      const seed = Number(process.env["BTSTORE_TEST_SEED"] ?? Date.now() % 2 ** 31);
      console.error(`test/crash/alloc.test.ts: BTSTORE_TEST_SEED=${seed}`);
      const random = generator(seed);
      const subnet = await startSubnet({ "//Crash1": 2999n, "//Crash2": 2999n, "//Crash3": 2999n });
      try {
        const [whole, broken] = [join(subnet.folder, "whole"), join(subnet.folder, "broken")];
        const startedMs = performance.now();
        const reference = await btstore(words(subnet, whole));
        const wholeMs = performance.now() - startedMs;
        expect(reference.status, reference.stderr).toBe(0);
        const { partitions } = JSON.parse(reference.stdout) as { partitions: { validator: string; sealedBytes: number }[] };
        expect(partitions.map(({ sealedBytes }) => sealedBytes / 2 ** 20)).toEqual([2, 2, 2, 2]);

        const verify = ["verify", "--db_path", broken, "--wallet.name", "w", "--wallet.hotkey", "miner", "--json"];
        let isEnded = false;
        for (let kills = 0, runs = 0; kills < KILLS; runs++) {
          expect(runs, `seed ${seed}`).toBeLessThan(RUNS_MAX);
          const afterMs = random() * wholeMs * 0.8;
          // Begun anew now and then, or there would soon be nothing left to interrupt.
          isEnded = !(await killed(subnet, broken, afterMs, isEnded || random() < 0.3));
          if (!isEnded) kills++;
          const checked = await btstore(verify);
          // 2: killed before there was anything.
          expect([0, 2], `seed ${seed}, run ${runs}, ${afterMs} ms: ${checked.stdout}${checked.stderr}`).toContain(checked.status);
        }
        const resumed = await btstore(words(subnet, broken));
        expect(resumed.status, `seed ${seed}: ${resumed.stderr}`).toBe(0);
        const checked = await btstore(verify);
        expect(JSON.parse(checked.stdout), `seed ${seed}`).toMatchObject({ damageCount: 0, checkedBytes: 8 * 2 ** 20, problems: [] });
        for (const { validator } of partitions) {
          const [left, right] = await Promise.all([whole, broken].map((folder) => readFile(join(folder, "w/miner", `data-${validator}`))));
          expect(Buffer.compare(left!, right!), `seed ${seed}, ${validator} on subnet ${NETUID}`).toBe(0);
        }
      } finally {
        await subnet.stop();
      }
    },
    120_000,
  );
});
