import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { unitName, unitText } from "../../cmd/packaging/systemd.ts";
import { btstore, EXECUTABLE } from "./executable.ts";

const folder = mkdtempSync(join(tmpdir(), "btstore-service-"));
const unitDir = join(folder, "units");
const dbPath = join(folder, "db path");
mkdirSync(unitDir);
mkdirSync(dbPath);
afterAll(() => rmSync(folder, { recursive: true }));

const NAME = "btstore-mine-my_wallet-m1.service";
const KEY = ["--wallet.name", "my wallet", "--wallet.hotkey", "m1"];
const service = (action: string, ...words: string[]) => btstore(["service", action, "--unit_dir", unitDir, ...words]);
const install = (...words: string[]) => service("install", "--role", "mine", ...KEY, "--db_path", dbPath, ...words);
const hasAnalyzer = Bun.which("systemd-analyze") !== null;

describe("btstore service", () => {
  test("installs a unit that runs this executable as this user and may write the partitions only", async () => {
    const { status, stdout, stderr } = await install("--run_as", userInfo().username);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain(`systemctl enable --now ${NAME}`);
    const unit = readFileSync(join(unitDir, NAME), "utf8");
    expect(unit).toContain(`\nExecStart=${EXECUTABLE} mine "--wallet.name=my wallet" --wallet.hotkey=m1 "--db_path=${dbPath}"\n`);
    expect(unit).toContain(`\nUser=${userInfo().username}\n`);
    expect(unit).toContain(`\nReadWritePaths="${dbPath}"\n`);
  });

  test.skipIf(!hasAnalyzer)("systemd finds no fault in the unit, and little to attack", async () => {
    await install("--overwrite");
    const analyze = async (...words: string[]) => {
      const child = Bun.spawn(["systemd-analyze", ...words, join(unitDir, NAME)], { stdout: "pipe", stderr: "pipe" });
      const [stdout, stderr, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
      return { status, said: stdout + stderr };
    };
    const verified = await analyze("verify", "--man=no");
    expect(verified.said.split("\n").filter((line) => line.includes(NAME))).toEqual([]);
    expect(verified.status, verified.said).toBe(0);
    // Of 100, the lower the better; a unit without any of it has 96.
    expect((await analyze("security", "--offline=yes", "--threshold=25", "--no-pager")).status).toBe(0);
  });

  test("lists what it wrote, removes it, and leaves other units alone", async () => {
    await install("--overwrite");
    writeFileSync(join(unitDir, "btstore-validate-x-y.service"), "[Unit]\n");
    expect(JSON.parse((await service("status", "--json")).stdout)).toMatchObject({ services: [{ unit: NAME, path: join(unitDir, NAME) }] });
    expect(await service("uninstall", "--role", "validate", "--wallet.name", "x", "--wallet.hotkey", "y")).toMatchObject({ status: 2 });
    expect(await service("uninstall", "--role", "mine", ...KEY)).toMatchObject({ status: 0, stderr: "" });
    expect(JSON.parse((await service("status", "--json")).stdout)).toEqual({ services: [] });
  });

  test("refuses what would not work: no role, two, no folder, a unit that is there", async () => {
    expect(await service("install", ...KEY, "--db_path", dbPath)).toMatchObject({ status: 2, stderr: expect.stringContaining("--role") });
    expect(await service("install", "--role", "mine,validate", "--db_path", dbPath)).toMatchObject({ status: 2 });
    expect(await service("install", "--role", "mine", "--db_path", join(folder, "none"))).toMatchObject({ status: 2, stderr: expect.stringContaining("install -d") });
    await install("--overwrite");
    expect(await install()).toMatchObject({ status: 2, stderr: expect.stringContaining("--overwrite") });
  });
});

describe("unitText()", () => {
  test("gives systemd every word as it stands, and no way to add a line", () => {
    const facts = { role: "mine", title: "50 %", words: ["/bin/x", 'a "b" \\ $HOME %h'], user: "u", writable: ["/a$", "/b c"] } as const;
    const unit = unitText(facts);
    expect(unit).toContain('\nExecStart=/bin/x "a \\"b\\" \\\\ $$HOME %%h"\n');
    expect(unit).toContain('\nReadWritePaths=/a$ "/b c"\n');
    expect(() => unitText({ ...facts, words: ["a\nUser=root"] })).toThrow(RangeError);
    expect(unitName("mine", "a b", "c/d")).toBe("btstore-mine-a_b-c_d.service");
  });
});
