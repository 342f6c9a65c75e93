import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "btstore-run-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs `test/run.ts` over one test file of this text, in a folder of its own. */
async function run(name: string, text: string, words: readonly string[] = []): Promise<{ last: string; status: number }> {
  const file = join(folder, `${name}.test.ts`);
  writeFileSync(file, `import { test, expect } from "bun:test";\n${text}`);
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "run.ts"), file, ...words], { cwd: folder, stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  const stdout = await new Response(child.stdout).text();
  return { last: stdout.trimEnd().split("\n").at(-1)!, status: await child.exited };
}

const PASSES = 'test("a", () => {}); test("b", () => {});';

describe("test/run.ts", () => {
  test("closes with the counts and status 0 when all pass", async () => {
    expect(await run("pass", PASSES)).toEqual({ last: "2 passed, 0 failed", status: 0 });
  });

  test("counts skipped and todo tests as skipped", async () => {
    expect(await run("skip", `${PASSES} test.skip("c", () => {}); test.todo("d");`)).toEqual({ last: "2 passed, 0 failed, 2 skipped", status: 0 });
  });

  test("counts failures and keeps the status", async () => {
    expect(await run("fail", `${PASSES} test("c", () => expect(1).toBe(2));`)).toEqual({ last: "2 passed, 1 failed", status: 1 });
  });

  test("takes an error outside the tests for a failure", async () => {
    const { last, status } = await run("error", `${PASSES} setTimeout(() => { throw new Error("late"); }, 0); test("c", async () => { await Bun.sleep(20); });`);
    expect(last).toMatch(/^\d passed, [1-9] failed$/);
    expect(status).not.toBe(0);
    const broken = await run("syntax", "test(");
    expect(broken.last).toMatch(/^0 passed, [1-9] failed$/);
    expect(broken.status).not.toBe(0);
  });

  test("fails when no test runs", async () => {
    const { last, status } = await run("none", PASSES, ["-t", "no such test"]);
    expect(last).toMatch(/^0 passed, 1 failed/);
    expect(status).not.toBe(0);
  });

  test("is not fooled by what a test prints", async () => {
    const text = 'test("a", () => { console.error(" 99 pass\\n 0 fail\\nRan 99 tests across 1 file. [1ms]"); expect(1).toBe(2); });';
    expect(await run("liar", text)).toMatchObject({ last: "0 passed, 1 failed", status: 1 });
  });

  test("fails when the run breaks off", async () => {
    const { last, status } = await run("exit", `${PASSES} test("c", () => process.exit(0));`);
    expect(last).toMatch(/ [1-9] failed$/);
    expect(status).not.toBe(0);
  });
});
