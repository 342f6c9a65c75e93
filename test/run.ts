/**
 * The test command: runs `bun test` with the words given, shows its output, and ends stdout with the one line that
 * people and scripts look for: `N passed, M failed` (`, K skipped` if any). Bun itself prints no such line.
 *
 * The exit status is bun's, but never 0 when something failed, broke outside a test, or nothing ran at all.
 */
const SUMMARY = /^ *(\d+) (pass|fail|skip|todo|errors?)$/;

/** Counts from the closing lines of `bun test`; null if it never got there. */
function countsIn(output: string): Record<"pass" | "fail" | "skip" | "todo" | "error", number> | null {
  const lines = Bun.stripANSI(output).trimEnd().split("\n");
  const end = lines.findLastIndex((line) => /^Ran \d+ tests? across \d+ files?\./.test(line));
  if (end < 0) return null;
  const counts = { pass: 0, fail: 0, skip: 0, todo: 0, error: 0 };
  // The summary is one block; a test that prints such a line is further up.
  for (let i = end - 1; i >= 0; i--) {
    const match = SUMMARY.exec(lines[i]!);
    if (match) counts[match[2]!.replace("errors", "error") as keyof typeof counts] = Number(match[1]);
    else if (!/expect\(\) calls$|^ *\d+ snapshots?|^$/.test(lines[i]!)) break;
  }
  return counts;
}

/** Passes a stream on as it comes and keeps its end, which is all that is needed. */
async function echo(from: ReadableStream<Uint8Array>, to: NodeJS.WriteStream): Promise<string> {
  const decoder = new TextDecoder();
  let kept = "";
  for await (const chunk of from) {
    to.write(chunk);
    kept = (kept + decoder.decode(chunk, { stream: true })).slice(-65_536);
  }
  return kept;
}

const child = Bun.spawn([process.execPath, "test", ...process.argv.slice(2)], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
const [, closing] = await Promise.all([echo(child.stdout, process.stdout), echo(child.stderr, process.stderr)]);
const status = await child.exited;

const counts = countsIn(closing);
const passed = counts?.pass ?? 0;
// A run that broke off counts as one failure, so that the line never looks like success.
const broken = status !== 0 || passed === 0;
const failed = Math.max((counts?.fail ?? 0) + (counts?.error ?? 0), broken ? 1 : 0);
const skipped = (counts?.skip ?? 0) + (counts?.todo ?? 0);
await new Promise((resolve) => process.stderr.write("", resolve));
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
process.exitCode = status !== 0 ? status : failed > 0 ? 1 : 0;
