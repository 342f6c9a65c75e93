import { describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openStore, scrubPartition, storeFolder } from "../../lib/store/mod.ts";
import { TINY, VALIDATOR, slowFill, withFolder } from "../store/fixture.ts";
import { CHILD_STORE } from "./child-store.ts";

const KILLS = 10;

/** Sizes that a run may be told to make: growing, shrinking, within and across sectors. */
const SIZES = [14, 24, 30, 40];

/** Longest run of steps before a kill; a whole fill of 40 chunks takes about 60. */
const STEPS_MAX = 40;

/** xorshift32, so that a printed seed repeats the run (as far as two processes can). */
function generator(seed: number): (bound: number) => number {
  let state = seed | 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

/** Runs the child; kills it once it has said `steps` things, if it gets that far. Returns what it said. */
async function runChild(dbPath: string, chunkCount: number, steps = Number.MAX_SAFE_INTEGER): Promise<{ said: string[]; isKilled: boolean }> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "fill-child.ts"), dbPath, String(chunkCount)], { stdout: "pipe", stderr: "inherit" });
  const said: string[] = [];
  let rest = "";
  for await (const bytes of child.stdout) {
    const lines = (rest + new TextDecoder().decode(bytes)).split("\n");
    rest = lines.pop()!;
    said.push(...lines);
    if (said.length >= steps) child.kill("SIGKILL");
  }
  const status = await child.exited;
  if (child.signalCode !== "SIGKILL") expect(status, said.join(", ")).toBe(0);
  return { said, isKilled: child.signalCode === "SIGKILL" };
}

/** Opens what a child left and checks it: nothing recorded is wrong, and all that was said to be recorded is. */
async function inspect(dbPath: string, chunkCount: number, said: readonly string[], label: string): Promise<void> {
  const store = await openStore({ ...CHILD_STORE, dbPath });
  expect(store.problems(), label).toEqual([]);
  const partition = store.partition(VALIDATOR);
  if (partition) {
    expect((await scrubPartition(partition)).damages, label).toEqual([]);
    const recorded = said.filter((line) => line.startsWith("recorded ")).map((line) => Number(line.slice(9)));
    if (recorded.length > 0) expect(partition.sealedBytes(), label).toBeGreaterThanOrEqual(recorded.at(-1)!);
    if (partition.sealedBytes() === chunkCount * 2 ** 20 && said.includes("done")) {
      expect(partition.declared().roots, label).toEqual(slowFill(chunkCount, TINY).roots);
    }
  }
  await store.close();
}

describe("fillPartitions()", () => {
  test(
    "killed at ten random steps, resized between, ends with the bytes of an uninterrupted fill",
    async () => {
      const seed = Number(process.env["BTSTORE_TEST_SEED"] ?? Date.now() % 2 ** 31);
      console.error(`test/crash/fill.test.ts: BTSTORE_TEST_SEED=${seed}`);
      const random = generator(seed);
      await withFolder(async (dbPath) => {
        for (let kills = 0, runs = 0; kills < KILLS; runs++) {
          const chunkCount = SIZES[random(SIZES.length)]!;
          const steps = 1 + random(STEPS_MAX);
          const { said, isKilled } = await runChild(dbPath, chunkCount, steps);
          await inspect(dbPath, chunkCount, said, `seed ${seed}, run ${runs}, ${chunkCount} chunks, ${steps} steps: ${said.at(-1)}`);
          if (isKilled) kills++;
          else await runChild(dbPath, 1, 1);
        }
        for (const chunkCount of [40, 14]) {
          const { said } = await runChild(dbPath, chunkCount);
          expect(said.at(-1)).toBe("done");
          await inspect(dbPath, chunkCount, said, `seed ${seed}, whole`);
          const bytes = await readFile(join(storeFolder({ ...CHILD_STORE, dbPath }), `data-${VALIDATOR}`));
          expect(Buffer.compare(bytes, slowFill(chunkCount).bytes), `seed ${seed}, ${chunkCount} chunks`).toBe(0);
        }
      });
    },
    60_000,
  );
});
