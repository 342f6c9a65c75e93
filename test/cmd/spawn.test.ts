import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { childEnvironment } from "../../cmd/spawn.ts";

const FAMILY = join(import.meta.dir, "family.ts");

describe("startSelf()", () => {
  test("runs our own command at the lowest priority and out of reach of our Ctrl-C, hands on its lines and its status", async () => {
    const parent = Bun.spawn([process.execPath, FAMILY, "parent"], { env: { ...process.env, BUN_OPTIONS: "--smol" }, stdout: "pipe" });
    const lines = (await new Response(parent.stdout).text()).trimEnd().split("\n");
    expect(lines.sort()).toEqual(["end 9", "err nice 19, own session true", "out no line end", `out ${JSON.stringify({ marker: "x y", options: null, be: null })}`]);
  });
});

describe("watchParent()", () => {
  test("notices that the parent was killed with SIGKILL", async () => {
    const keeper = Bun.spawn([process.execPath, FAMILY, "keeper"], { stdout: "pipe" });
    let output = "";
    const decoder = new TextDecoder();
    for await (const chunk of keeper.stdout) {
      output += decoder.decode(chunk, { stream: true });
      if (output === "watching\n") keeper.kill("SIGKILL");
    }
    expect(output).toBe("watching\ngone\n");
  });
});

describe("childEnvironment()", () => {
  test("adds and removes what it is told and names this process", () => {
    const environment = childEnvironment({ PATH: undefined, EXTRA: "1" });
    expect(environment).toMatchObject({ EXTRA: "1", BTSTORE_PARENT_PID: String(process.pid) });
    expect(environment).not.toHaveProperty("PATH");
  });
});
