import { describe, expect, test } from "bun:test";
import { silentLog } from "../../lib/core/mod.ts";
import { type ProcessHandlers, type RoleProcess, type StartProcess, Supervised } from "../../lib/devnet/supervise.ts";
import { TestClock, settled } from "../miner/fixture.ts";

/** A process that does what it is told. */
class FakeProcess implements RoleProcess {
  readonly exited: Promise<number | string>;
  readonly signals: string[] = [];
  end!: (ending: number | string) => void;

  constructor(readonly pid: number, readonly args: readonly string[], readonly options: { lowPriority: boolean } & ProcessHandlers) {
    this.exited = new Promise((resolve) => (this.end = resolve));
  }

  kill(signal: "SIGINT" | "SIGKILL"): void {
    this.signals.push(signal);
  }
}

function setUp() {
  const clock = new TestClock();
  const started: FakeProcess[] = [];
  const lines: string[] = [];
  const logLines: string[] = [];
  const start: StartProcess = (args, options) => {
    const process = new FakeProcess(100 + started.length, args, options);
    started.push(process);
    return process;
  };
  const supervised = new Supervised({
    name: "miner-1", args: ["mine", "--json"], lowPriority: true, start, clock, log: silentLog,
    onLine: (line) => void lines.push(line), onLogLine: (line) => void logLines.push(line),
  });
  /** Ends the present process after it lived this long, and waits for the pause before the next one to begin. */
  const dies = async (afterMs = 0, ending: number | string = 1) => {
    await clock.advance(afterMs);
    started.at(-1)!.end(ending);
    await settled();
  };
  return { clock, started, lines, logLines, supervised, dies };
}

describe("Supervised", () => {
  test("starts at once, with its arguments and priority, and passes on every line", () => {
    const { started, lines, logLines, supervised } = setUp();
    expect(started.map(({ args, options }) => [args, options.lowPriority])).toEqual([[["mine", "--json"], true]]);
    expect([supervised.pid, supervised.restartCount, supervised.name]).toEqual([100, 0, "miner-1"]);
    started[0]!.options.onLine('{"uid":1}');
    started[0]!.options.onLogLine("ready");
    expect([lines, logLines, supervised.recentLog]).toEqual([['{"uid":1}'], ["ready"], ["ready"]]);
  });

  test("remembers the last twenty log lines, over restarts", async () => {
    const { started, supervised, dies, clock } = setUp();
    for (let i = 0; i < 15; i++) started[0]!.options.onLogLine(`first ${i}`);
    await dies();
    await clock.advance(500);
    for (let i = 0; i < 10; i++) started[1]!.options.onLogLine(`second ${i}`);
    expect(supervised.recentLog.length).toBe(20);
    expect([supervised.recentLog[0], supervised.recentLog[19]]).toEqual(["first 5", "second 9"]);
  });

  test("is started again after 0.5 s, and after twice as long each time, up to 10 s", async () => {
    const { clock, started, supervised, dies } = setUp();
    for (const [i, pauseMs] of [500, 1000, 2000, 4000, 8000, 10_000, 10_000].entries()) {
      await dies(0, i % 2 === 0 ? 1 : "SIGSEGV");
      expect(supervised.pid).toBeNull();
      expect(clock.waitingMs).toEqual([pauseMs]);
      await clock.advance(pauseMs - 1);
      expect(started.length).toBe(i + 1);
      await clock.advance(1);
      expect(started.length).toBe(i + 2);
      expect([supervised.pid, supervised.restartCount]).toEqual([101 + i, i + 1]);
    }
  });

  test("is started again also after it ended well", async () => {
    const { clock, started, dies } = setUp();
    await dies(0, 0);
    await clock.advance(500);
    expect(started.length).toBe(2);
  });

  test("begins with the shortest pause again once a process has lived for over 20 s", async () => {
    const { clock, dies } = setUp();
    await dies();
    await clock.advance(500);
    await dies(20_000);
    expect(clock.waitingMs).toEqual([1000]);
    await clock.advance(1000);
    await dies(20_001);
    expect(clock.waitingMs).toEqual([500]);
  });

  test("stop() asks by SIGINT, waits, and starts nothing again", async () => {
    const { clock, started, supervised } = setUp();
    let isStopped = false;
    const stopping = supervised.stop().then(() => (isStopped = true));
    await clock.advance(9_999);
    expect([started[0]!.signals, isStopped]).toEqual([["SIGINT"], false]);
    started[0]!.end(0);
    await stopping;
    await clock.advance(60_000);
    expect([started[0]!.signals, started.length, supervised.restartCount]).toEqual([["SIGINT"], 1, 0]);
  });

  test("stop() kills what has not ended after 10 s", async () => {
    const { clock, started, supervised } = setUp();
    const stopping = supervised.stop();
    await clock.advance(10_000);
    expect(started[0]!.signals).toEqual(["SIGINT", "SIGKILL"]);
    started[0]!.end("SIGKILL");
    await stopping;
    expect(started.length).toBe(1);
  });

  test("stop() ends the pause between two processes at once", async () => {
    const { clock, started, supervised, dies } = setUp();
    await dies();
    await supervised.stop();
    await clock.advance(60_000);
    expect([started.length, clock.waitingMs]).toEqual([1, []]);
  });
});
