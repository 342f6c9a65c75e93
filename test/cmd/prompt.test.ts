import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { TerminalRun } from "./executable.ts";

const ASKER = [process.execPath, join(import.meta.dir, "asker.ts")];

/** Asks on a terminal, types, and gives the program's last line. */
async function ask(kind: "confirm" | "secret", typed: string): Promise<{ last: string; output: string }> {
  const run = new TerminalRun([kind], {}, ASKER);
  await run.shows(kind === "confirm" ? "Go on? [y/N] " : "Secret: ");
  run.type(typed);
  const { output } = await run.ended();
  return { last: output.trimEnd().split(/\r?\n/).at(-1)!, output };
}

describe("confirm()", () => {
  test("takes only a yes for a yes", async () => {
    for (const yes of ["y", "Y", "yes", " YES "]) expect((await ask("confirm", `${yes}\r`)).last, yes).toBe("told true.");
    for (const no of ["", "n", "yess", "maybe"]) expect((await ask("confirm", `${no}\r`)).last, no).toBe("told false.");
  });

  test("is cancelled by Ctrl-C and takes the end of input for a no", async () => {
    expect((await ask("confirm", "\x03")).last).toStartWith("failed cancelled");
    expect((await ask("confirm", "\x04")).last).toEndWith("told false.");
  });

  test("names the flag to use where stdin is no terminal", async () => {
    const child = Bun.spawn([...ASKER, "confirm"], { stdin: "ignore", stdout: "pipe" });
    expect(await new Response(child.stdout).text()).toMatch(/^failed usage: .*--no_prompt/);
  });
});

describe("readSecret()", () => {
  test("shows nothing of what is typed and understands backspace and Ctrl-U", async () => {
    const { last, output } = await ask("secret", "wrong\x15pass wörd\x7f\x7fd\x1b\r");
    expect(last).toBe('told "pass wöd".');
    expect(output).not.toContain("wrong");
    expect(output.split("told")[0]).not.toContain("pass");
  });

  test("is cancelled by Ctrl-C", async () => {
    expect((await ask("secret", "abc\x03")).last).toStartWith("failed cancelled");
  });
});
