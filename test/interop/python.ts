/** A Python script on the other side of a test: one JSON line in, one out. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Python = { ask(question: Record<string, unknown>): Promise<any>; stop(): Promise<void> };

/**
 * Starts a script of this folder.
 *
 * @param interpreter Python of a virtual environment (`venv.ts`).
 */
export function startPython(interpreter: string, script: string): Python {
  // A home of its own: the package makes folders there.
  const home = mkdtempSync(join(tmpdir(), "btstore-python-"));
  const child = Bun.spawn([interpreter, join(import.meta.dir, script)], {
    stdin: "pipe", stdout: "pipe", stderr: "ignore",
    env: { PATH: process.env.PATH ?? "", HOME: home, BT_NO_PARSE_CLI_ARGS: "1", PYTHONDONTWRITEBYTECODE: "1" },
  });
  const lines = linesOf(child.stdout);
  let last: Promise<unknown> = Promise.resolve();
  return {
    ask(question) {
      const answer = last.then(async () => {
        child.stdin.write(`${JSON.stringify(question)}\n`);
        await child.stdin.flush();
        const { value, done } = await lines.next();
        if (done) throw new Error(`${script} ended instead of answering ${JSON.stringify(question).slice(0, 200)}`);
        return JSON.parse(value) as unknown;
      });
      last = answer.catch(() => {});
      return answer;
    },
    async stop() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
