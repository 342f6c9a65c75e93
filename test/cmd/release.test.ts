import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { version } from "../../package.json";
import { cleanEnvironment } from "./executable.ts";

const folder = mkdtempSync(join(tmpdir(), "btstore-release-"));
afterAll(() => rmSync(folder, { recursive: true }));
const ROOT = join(import.meta.dir, "../..");

async function run(words: readonly string[], environment: Record<string, string>): Promise<{ status: number; stdout: string; stderr: string }> {
  const child = Bun.spawn([...words], { cwd: ROOT, env: environment, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  return { status, stdout, stderr };
}

const release = (...words: string[]) =>
  run([process.execPath, "cmd/packaging/release.ts", "--output", folder, ...words], { ...cleanEnvironment({ HOME: process.env["HOME"] ?? "" }), PATH: `${join(ROOT, "node_modules/.bin")}:${process.env["PATH"]}` });

describe("npm run release", () => {
  test("of this platform gives an executable that runs with its own library, and its SHA-256", async () => {
    const { status, stderr } = await release("linux-x64");
    expect(status, stderr).toBe(0);
    const name = `btstore-${version}-linux-x64`;
    expect(readdirSync(folder).sort()).toEqual(["SHA256SUMS", name]);
    const sum = new Bun.CryptoHasher("sha256").update(readFileSync(join(folder, name))).digest("hex");
    expect(readFileSync(join(folder, "SHA256SUMS"), "utf8")).toBe(`${sum}  ${name}\n`);
    expect(await run([join(folder, name), "--version"], cleanEnvironment())).toMatchObject({ status: 0, stdout: expect.stringMatching(/CPU level x86-64-v\d/) });
  }, 120_000);

  test("refuses a platform that it does not build for, and names those it does", async () => {
    const { status, stderr } = await release("plan9-mips");
    expect(status).not.toBe(0);
    expect(stderr).toContain("linux-arm64, macos-arm64");
  });
});
