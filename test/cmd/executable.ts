/** Runs the built executable for tests: `dist/btstore`, which `pretest` makes. */
import { existsSync } from "node:fs";
import { join } from "node:path";

export const EXECUTABLE = join(import.meta.dir, "../../dist/btstore");
if (!existsSync(EXECUTABLE)) throw new Error('No executable at "dist/btstore": make it with "npm run build"');

export type Ended = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** An environment in which no variable of the person running the tests counts. */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...extra };
}

/** Runs it to its end, with nothing on stdin unless told. */
export async function btstore(words: readonly string[], environment: Readonly<Record<string, string>> = {}, folder?: string, input?: string): Promise<Ended> {
  const stdin = input === undefined ? "ignore" : new TextEncoder().encode(input);
  const child = Bun.spawn([EXECUTABLE, ...words], { env: cleanEnvironment(environment), stdin, stdout: "pipe", stderr: "pipe", ...(folder ? { cwd: folder } : {}) });
  const [stdout, stderr, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  return { status, stdout, stderr };
}

/** A run on a terminal of its own, where questions can be answered. */
export class TerminalRun {
  #output = "";
  #wake: () => void = () => {};
  readonly #child: Bun.Subprocess;

  /** @param program What runs: the executable, unless a test brings its own. */
  constructor(words: readonly string[], environment: Readonly<Record<string, string>> = {}, program: readonly string[] = [EXECUTABLE]) {
    const data = (_: unknown, bytes: Uint8Array) => {
      this.#output += new TextDecoder().decode(bytes);
      this.#wake();
    };
    this.#child = Bun.spawn([...program, ...words], { env: cleanEnvironment(environment), terminal: { cols: 100, rows: 30, data } });
  }

  /** Waits until this text is the end of what was shown since the last answer. */
  async shows(text: string): Promise<void> {
    while (!this.#output.endsWith(text)) {
      const next = new Promise<void>((resolve) => (this.#wake = resolve));
      const ended = await Promise.race([next.then(() => false), this.#child.exited.then(() => true)]);
      if (ended && !this.#output.endsWith(text)) throw new Error(`Waited for ${JSON.stringify(text)}, got ${JSON.stringify(this.#output)}`);
    }
  }

  /** Types. */
  type(text: string): void {
    this.#child.terminal!.write(text);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for the end; gives everything that was shown. */
  async ended(): Promise<{ status: number; output: string }> {
    return { status: await this.#child.exited, output: this.#output };
  }
}
