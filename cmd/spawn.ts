/**
 * Starting `btstore` commands as processes of the same executable, and ending with the process that started us.
 *
 * A child learns its parent's pid and watches its own: when the parent is gone, however it died, the kernel gives the
 * child to another process and the two differ. Nothing is inherited that could keep the watch from noticing.
 */

import { constants, setPriority } from "node:os";

/** Names the pid of the `btstore` process that started this one. */
const PARENT_VARIABLE = "BTSTORE_PARENT_PID";

const PARENT_POLL_MS = 250;

/** Computed while this module loads, on the main thread: in a Worker `Bun.main` is the worker's file. */
const SELF: readonly string[] = Bun.main.startsWith("/$bunfs/") ? [process.execPath] : [process.execPath, Bun.main];

/** The command line that runs `btstore` with these words: the executable itself, or Bun with our source. */
export function selfCommand(words: readonly string[]): string[] {
  return [...SELF, ...words];
}

/**
 * The environment for a child of ours: this process's without what would turn the child into something else, with our pid.
 *
 * @param extra Added or, with undefined, removed.
 */
export function childEnvironment(extra: Readonly<Record<string, string | undefined>> = {}): Record<string, string> {
  const environment: Record<string, string> = {};
  // BUN_BE_BUN makes any compiled executable the bun CLI, BUN_OPTIONS can preload foreign code.
  const own = { ...process.env, BUN_BE_BUN: undefined, BUN_OPTIONS: undefined, [PARENT_VARIABLE]: String(process.pid), ...extra };
  for (const [name, value] of Object.entries(own)) if (value !== undefined) environment[name] = value;
  return environment;
}

/** A process of ours that runs. */
export type StartedProcess = {
  readonly pid: number;
  /** Exit status, or the signal's name, once it has ended and its last line was handed on. */
  readonly exited: Promise<number | string>;
  kill(signal: "SIGINT" | "SIGTERM" | "SIGKILL"): void;
};

export type StartOptions = {
  /** Lowest CPU priority, for it and all its threads. */
  readonly lowPriority: boolean;
  /** Added to its environment or, with undefined, removed from it. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** One line of its stdout, without its end. */
  onLine(line: string): void;
  /** One line of its stderr. */
  onLogLine(line: string): void;
};

/** A line longer than this is handed on in pieces. */
const LINE_CHARACTERS_MAX = 65_536;

/** Starts a `btstore` command as a child that ends when this process does. */
export function startSelf(words: readonly string[], options: StartOptions): StartedProcess {
  const line = selfCommand(words);
  // Threads inherit the priority of the thread that makes them, so it has to be set before the program starts.
  const nice = options.lowPriority ? Bun.which("nice") : null;
  // In a session of its own: a Ctrl-C at the terminal reaches only us, and we stop the child once. Two would end it at once.
  const child = Bun.spawn(nice === null ? line : [nice, "-n", "19", ...line], { env: childEnvironment(options.environment), detached: true, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  if (options.lowPriority && nice === null) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  const read = Promise.all([eachLine(child.stdout, options.onLine), eachLine(child.stderr, options.onLogLine)]);
  const exited = child.exited.then(async (status) => {
    await read;
    return child.signalCode ?? status;
  });
  return { pid: child.pid, exited, kill: (signal) => child.kill(signal) };
}

async function eachLine(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) onLine(line);
    if (rest.length > LINE_CHARACTERS_MAX) {
      onLine(rest);
      rest = "";
    }
  }
  if (rest !== "") onLine(rest);
}

/**
 * Calls back once when the parent that started us through `childEnvironment` is gone; does nothing in other processes.
 * The watch itself does not keep the process alive.
 */
export function watchParent(onGone: () => void): void {
  const parent = process.env[PARENT_VARIABLE];
  delete process.env[PARENT_VARIABLE];
  if (parent === undefined || !/^\d+$/.test(parent)) return;
  const timer = setInterval(() => {
    if (process.ppid === Number(parent)) return;
    clearInterval(timer);
    onGone();
  }, PARENT_POLL_MS);
  timer.unref();
}
