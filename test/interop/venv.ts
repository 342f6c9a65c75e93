/** Interpreters that have the real `bittensor` package, the last of the axon's line and the newest. */
import { join } from "node:path";

export type BittensorRelease = "10.5.0" | "11.3.0";

const known = new Map<BittensorRelease, Promise<string | null>>();

/**
 * The Python of a virtual environment with that release, made on first use: half a minute, then kept in `dist/interop`.
 *
 * @returns Its absolute path; null where there is no Python or no PyPI, which one line on stderr then says.
 */
export function interpreter(release: BittensorRelease): Promise<string | null> {
  let found = known.get(release);
  if (!found) known.set(release, (found = make(release)));
  return found;
}

async function make(release: BittensorRelease): Promise<string | null> {
  const child = Bun.spawn([join(import.meta.dir, "venv.sh"), release], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  if (status === 0 && stdout.trim() !== "") return stdout.trim();
  process.stderr.write(`Skipped what needs bittensor ${release}: ${stderr.trim().split("\n").at(-1) || "no virtual environment"}\n`);
  return null;
}
