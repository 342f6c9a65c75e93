import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { btstore, cleanEnvironment, EXECUTABLE } from "./executable.ts";

const folder = mkdtempSync(join(tmpdir(), "btstore-bench-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Two units, enough for every figure. */
const SIZE = ["--size", "64MiB"];

type Facts = Record<string, number> & { fill: Record<string, number>; [latencies: string]: unknown };

/** Runs it on some cores; null for all there are. */
async function bench(cores: string | null): Promise<Facts> {
  const pinned = cores === null ? [] : ["taskset", "-c", cores];
  const child = Bun.spawn([...pinned, EXECUTABLE, "bench", "--json", ...SIZE, "--db_path", join(folder, "new/deep")], { env: cleanEnvironment(), stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  expect(status, stderr).toBe(0);
  expect(stdout.trimEnd()).not.toContain("\n");
  return JSON.parse(stdout) as Facts;
}

describe("btstore bench", () => {
  test("measures on the cores it may use, and leaves nothing behind", async () => {
    for (const [cores, count] of [["0", 1], [null, availableParallelism()]] as const) {
      const facts = await bench(cores);
      expect(facts["cores"]).toBe(count);
      expect(facts.fill).toMatchObject({ workers: Math.min(count, 2), unitCount: 2, bytes: 64 * 2 ** 20 });
      expect(facts.fill["bytesPerSecond"]).toBeCloseTo((64 * 2 ** 20) / facts.fill["seconds"]!, 3);
      // Everything that is derived follows from what was measured in this run.
      expect(facts["regenerationMs"]).toBeCloseTo(16 * Math.ceil(128 / count) * facts["unitMs"]!, 3);
      expect(facts["hoursPerTerabyte"]).toBeCloseTo(1e12 / facts.fill["bytesPerSecond"]! / 3600, 6);
      expect(facts["tibPerDay"]).toBeCloseTo((facts.fill["bytesPerSecond"]! * 86_400) / 2 ** 40, 6);
      for (const [name, samples] of [["coldReads", 256], ["warmReads", 256], ["coldAudits", 32], ["warmAudits", 32]] as const) {
        const { count: taken, p50Ms, p99Ms, maxMs } = facts[name] as unknown as Record<string, number>;
        expect(taken, name).toBe(samples);
        expect(0 < p50Ms! && p50Ms! <= p99Ms! && p99Ms! <= maxMs!, `${name}: ${p50Ms}, ${p99Ms}, ${maxMs}`).toBe(true);
      }
      expect(facts["auditMarginMs"]).toBeCloseTo(1000 - (facts["coldAudits"] as unknown as Record<string, number>)["maxMs"]!, 6);
      expect(readdirSync(folder)).toEqual([]);
    }
  }, 60_000);

  test("says it in words", async () => {
    const { status, stdout, stderr } = await btstore(["bench", ...SIZE, "--workers", "1", "--db_path", folder]);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^Fill +[\d.]+ MiB\/s: 64\.0 MiB sealed and synced in [\d.]+ s by 1 of 1 workers$/m);
    expect(stdout).toMatch(/^As a miner, this machine fills [\d.]+ TiB a day: 1 TB takes /m);
    expect(readdirSync(folder)).toEqual([]);
  }, 60_000);

  test("removes what it sealed when it is stopped", async () => {
    const child = Bun.spawn([EXECUTABLE, "bench", "--size", "2GiB", "--logging.debug", "--db_path", folder], { env: cleanEnvironment(), stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    let stderr = "";
    let isStopped = false;
    for await (const bytes of child.stderr) {
      stderr += new TextDecoder().decode(bytes);
      if (isStopped || !stderr.includes("Sealing begins")) continue;
      isStopped = true;
      expect(existsSync(join(folder, ".btstore-bench"))).toBe(true);
      child.kill("SIGINT");
    }
    expect(await child.exited, stderr).toBe(130);
    expect(readdirSync(folder)).toEqual([]);
  }, 60_000);

  test("refuses several folders, one that cannot be made, and more than the disk has", async () => {
    expect(await btstore(["bench", "--db_path", "/a", "--db_path", "/b"])).toMatchObject({ status: 2, stdout: "" });
    expect(await btstore(["bench", ...SIZE, "--db_path", join(EXECUTABLE, "x")])).toMatchObject({ status: 7, stdout: "" });
    expect(await btstore(["bench", "--size", "1PiB", "--db_path", folder])).toMatchObject({ status: 8, stdout: "" });
    expect(readdirSync(folder)).toEqual([]);
  }, 60_000);
});
