import { describe, expect, test } from "bun:test";
import { openProgress } from "../../cmd/progress.ts";
import { Screen, type ScreenStream } from "../../cmd/screen.ts";
import type { Clock } from "../../lib/core/mod.ts";

/** What a terminal shows after the writes: enough of one for lines, cursor up and clearing below. */
class Terminal implements ScreenStream {
  readonly isTTY = true;
  readonly lines: string[] = [""];
  #row = 0;

  constructor(readonly columns: number, readonly rows: number) {}

  write(text: string): void {
    for (const [part] of text.matchAll(/\x1b\[[?0-9]*[A-Za-z]|\r|\n|[^\x1b\r\n]+/g)) {
      if (part === "\n") this.lines[++this.#row] ??= "";
      else if (part.endsWith("A")) this.#row -= Number(part.slice(2, -1));
      else if (part === "\x1b[H") this.#row = 0;
      else if (part === "\x1b[2J") this.lines.splice(0, Number.POSITIVE_INFINITY, "");
      else if (part === "\x1b[0J") this.lines.splice(this.#row, Number.POSITIVE_INFINITY, "");
      else if (!part.startsWith("\x1b") && part !== "\r") this.lines[this.#row] += part;
    }
  }

  get shown(): string[] {
    return this.lines.slice(0, this.#row);
  }
}

function pipe(): ScreenStream & { text: string } {
  return {
    text: "",
    write(text: string) {
      this.text += text;
    },
  };
}

/** A clock that tests move. */
function handClock(): Clock & { at: number } {
  return { at: 0, now: () => 0, monotonic() { return this.at; }, sleep: () => Promise.reject(new Error("nobody sleeps here")) };
}

describe("Screen", () => {
  test("keeps the footer below whatever is printed, and leaves it when closed", () => {
    const terminal = new Terminal(40, 24);
    const screen = new Screen(terminal);
    screen.setFooter(["bar 1", "bar 2"]);
    screen.print("first");
    screen.setFooter(["bar 3"]);
    screen.print("second\nthird");
    expect(terminal.shown).toEqual(["first", "second", "third", "bar 3"]);
    screen.close();
    screen.print("after");
    expect(terminal.shown).toEqual(["first", "second", "third", "bar 3", "after"]);
  });

  test("cuts the footer to the terminal, so that going up finds its start", () => {
    const terminal = new Terminal(10, 4);
    const screen = new Screen(terminal);
    for (let i = 0; i < 3; i++) screen.setFooter(["\x1b[31mabcdefghijklmnop\x1b[39m", "漢字漢字漢字", "3", "4", "5"]);
    expect(terminal.shown).toEqual(["abcdefgh…", "漢字漢字…", "3"]);
  });

  test("paints the footer alone after a wipe, wherever a change of size has put its lines", () => {
    const terminal = new Terminal(40, 24);
    const screen = new Screen(terminal);
    screen.clear();
    screen.setFooter(["bar 1", "bar 2"]);
    screen.print("lost by the wipe");
    terminal.write("\n\n");
    screen.clear();
    screen.setFooter(["bar 3"]);
    expect(terminal.shown).toEqual(["bar 3"]);
  });

  test("paints no footer and no escape into a pipe", () => {
    const stream = pipe();
    const screen = new Screen(stream);
    screen.setFooter(["bar"]);
    screen.print("line");
    screen.close();
    expect(stream.text).toBe("line\n");
  });
});

describe("openProgress()", () => {
  test("shows each bar and their sum, with rate and time left, on a terminal", () => {
    const terminal = new Terminal(120, 24);
    const clock = handClock();
    const progress = openProgress(new Screen(terminal), "auto", clock);
    const first = progress.bar("first", 100 * 2 ** 20);
    progress.bar("second", 300 * 2 ** 20, 200 * 2 ** 20);
    clock.at = 10_000;
    first.set(50 * 2 ** 20);
    progress.tick();
    expect(terminal.shown).toEqual([
      `first   ${"█".repeat(12)}${"░".repeat(12)}   50 %  50.0 MiB of 100 MiB  5.00 MiB/s  10 s left`,
      `second  ${"█".repeat(16)}${"░".repeat(8)}   66 %  200 MiB of 300 MiB`,
      `all     ${"█".repeat(15)}${"░".repeat(9)}   62 %  250 MiB of 400 MiB  5.00 MiB/s  30 s left`,
    ]);
    first.finish();
    progress.close();
    expect(terminal.shown[0]).toContain("100 %  100 MiB of 100 MiB");
    expect(terminal.shown[0]).toEndWith("done");
  });

  test("says itself in a line every five seconds and once at the end where there is no terminal", () => {
    const stream = pipe();
    const clock = handClock();
    const progress = openProgress(new Screen(stream), "auto", clock);
    const bar = progress.bar("fill", 1000);
    for (let second = 1; second <= 12; second++) {
      clock.at = second * 1000;
      bar.set(second * 50);
      progress.tick();
    }
    expect(stream.text.split("\n")).toEqual(["fill: 25 %  250 B of 1000 B  50 B/s  15 s left", "fill: 50 %  500 B of 1000 B  50 B/s  10 s left", ""]);
    bar.finish();
    progress.close();
    progress.tick();
    expect(stream.text.split("\n")).toHaveLength(4);
    expect(stream.text).toContain("100 %  1000 B of 1000 B");
  });

  test("measures the rate over the last seconds only", () => {
    const stream = pipe();
    const clock = handClock();
    const progress = openProgress(new Screen(stream), "auto", clock);
    const bar = progress.bar("fill", 1_000_000);
    for (let second = 1; second <= 60; second++) {
      clock.at = second * 1000;
      bar.set(second <= 30 ? second * 1000 : 30_000 + (second - 30) * 100);
      progress.tick();
    }
    progress.close();
    expect(stream.text.trimEnd().split("\n").at(-1)).toContain(" 100 B/s");
  });

  test("counts no waiting into a bar's rate", () => {
    const terminal = new Terminal(120, 24);
    const clock = handClock();
    const progress = openProgress(new Screen(terminal), "auto", clock);
    const bar = progress.bar("late", 1000);
    for (clock.at = 1000; clock.at <= 10_000; clock.at += 1000) progress.tick();
    bar.set(100);
    clock.at = 11_000;
    progress.tick();
    expect(terminal.shown[0]).toEndWith("100 B of 1000 B  100 B/s  9 s left");
    progress.close();
  });

  test("keeps the sum and what is under way in sight where not all bars fit", () => {
    const terminal = new Terminal(120, 5);
    const clock = handClock();
    const progress = openProgress(new Screen(terminal), "auto", clock);
    const bars = Array.from({ length: 8 }, (_, i) => progress.bar(`bar${i}`, 100));
    bars[0]!.finish();
    bars[2]!.finish();
    progress.tick();
    expect(terminal.shown.map((line) => line.split(" ")[0]!)).toEqual(["bar1", "bar3", "bar4", "all"]);
    progress.close();
  });

  test("says nothing in mode none, and takes a bar of nothing as done", () => {
    const silent = pipe();
    const none = openProgress(new Screen(silent), "none", handClock());
    none.bar("x", 10).finish();
    none.close();
    expect(silent.text).toBe("");
    const stream = pipe();
    const progress = openProgress(new Screen(stream), "auto", handClock());
    progress.bar("empty", 0);
    progress.close();
    expect(stream.text).toContain("empty: 100 %");
  });
});
