/**
 * Keeps one process of the network running: started, watched, started again when it dies, stopped in good order.
 *
 * How a process is started is the caller's (`cmd` knows the executable); this file only knows lines and exits.
 */
import { type Clock, type Log } from "../core/mod.ts";

/** A running process. */
export interface RoleProcess {
  readonly pid: number;
  /** Exit status, or the signal's name, once it has ended. */
  readonly exited: Promise<number | string>;
  kill(signal: "SIGINT" | "SIGKILL"): void;
}

export type ProcessHandlers = {
  /** One line of the process's stdout, without its end. */
  onLine(line: string): void;
  /** One line of its stderr. */
  onLogLine(line: string): void;
};

/** Starts our own executable with these arguments. `lowPriority` asks for the lowest CPU priority there is. */
export type StartProcess = (args: readonly string[], options: { lowPriority: boolean } & ProcessHandlers) => RoleProcess;

export type SupervisedOptions = {
  name: string;
  args: readonly string[];
  lowPriority: boolean;
  start: StartProcess;
  clock: Clock;
  log: Log;
} & ProcessHandlers;

/** Waiting time before the first restart; doubles with each exit in a row up to the second figure. */
const RESTART_MS = 500;
const RESTART_MS_MAX = 10_000;
/** A process that lived this long has its back-off forgotten. */
const HEALTHY_MS = 20_000;
/** How long a process may take to end on SIGINT before it is killed. */
const STOP_MS = 10_000;

/** One process that is kept alive until `stop()`. */
export class Supervised {
  readonly name: string;
  /** How often it was started again after an exit that nobody asked for. */
  restartCount = 0;
  #options: SupervisedOptions;
  #process: RoleProcess | null = null;
  #stopping = new AbortController();
  #running: Promise<void>;
  #recentLog: string[] = [];

  constructor(options: SupervisedOptions) {
    this.name = options.name;
    this.#options = options;
    this.#running = this.#run();
  }

  /** Process id of the present incarnation; null between two. */
  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** The last lines it logged, oldest first: what a failure report shows. */
  get recentLog(): readonly string[] {
    return this.#recentLog;
  }

  /** Ends the process with SIGINT, with SIGKILL after ten seconds, and does not start it again. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const process = this.#process;
    if (process) {
      const ended = new AbortController();
      process.kill("SIGINT");
      void this.#options.clock.sleep(STOP_MS, ended.signal).then(() => process.kill("SIGKILL"), () => {});
      await process.exited;
      ended.abort();
    }
    await this.#running;
  }

  async #run(): Promise<void> {
    const { start, args, lowPriority, clock, log, onLine, onLogLine, name } = this.#options;
    let pauseMs = RESTART_MS;
    while (!this.#stopping.signal.aborted) {
      const startedAt = clock.monotonic();
      this.#process = start(args, {
        lowPriority,
        onLine,
        onLogLine: (line) => {
          this.#recentLog.push(line);
          if (this.#recentLog.length > 20) this.#recentLog.shift();
          onLogLine(line);
        },
      });
      const ending = await this.#process.exited;
      this.#process = null;
      if (this.#stopping.signal.aborted) return;
      if (clock.monotonic() - startedAt > HEALTHY_MS) pauseMs = RESTART_MS;
      log.warn("A process of the network ended and is started again", { name, ending, pauseMs });
      this.restartCount++;
      try {
        await clock.sleep(pauseMs, this.#stopping.signal);
      } catch {
        return;
      }
      pauseMs = Math.min(RESTART_MS_MAX, pauseMs * 2);
    }
  }
}
