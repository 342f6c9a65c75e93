/**
 * Makes one executable with the Zig library and every worker inside.
 *
 * Workers must be entry points of their own, or the executable cannot start them. Splitting keeps what a command does
 * not need out of its start; bytecode saves parsing. A foreign `.env` or `bunfig.toml` in the current folder is never
 * read: a `preload` there would run inside the executable.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { BtstoreError, formatSize } from "../../lib/core/mod.ts";

export const ROOT = join(import.meta.dir, "../..");

/** Entry points; their common folder is the repository's root, which worker paths are resolved against. */
const ENTRY_POINTS = ["cmd/main.ts", "lib/native/worker.ts", "lib/wire/timer.ts"];

/** For other machines than this one. */
export type Foreign = {
  /** Bun's name of the run-time, such as `bun-linux-arm64`; null for the one that builds. */
  readonly target: Bun.Build.CompileTarget | null;
  /** The Zig library built for it. */
  readonly library: string;
};

/**
 * Builds it.
 *
 * @param outfile Full path; `.exe` is added for Windows.
 * @param foreign null for this machine with the library that `npm run zig` makes.
 * @returns The file's path.
 * @throws {BtstoreError} `disk` if it cannot be built, after the messages went to stderr.
 */
export async function buildExecutable(outfile: string, foreign: Foreign | null = null): Promise<string> {
  const result = await Bun.build({
    entrypoints: ENTRY_POINTS.map((entry) => join(ROOT, entry)).filter((entry) => existsSync(entry)),
    root: ROOT,
    target: "bun",
    format: "esm",
    splitting: true,
    minify: true,
    // Bytecode is of the engine that writes it; what it is worth elsewhere was not tried.
    bytecode: foreign === null,
    define: { "process.env.NODE_ENV": '"production"', "process.env.BTSTORE_COMMIT": JSON.stringify(commit()) },
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false, ...(foreign?.target ? { target: foreign.target } : {}) },
    plugins: foreign ? [{ name: "library", setup: (build) => void build.onResolve({ filter: /\/libbtstore\.so$/ }, () => ({ path: foreign.library })) }] : [],
    throw: false,
  });
  for (const message of result.logs) process.stderr.write(`${message}\n`);
  if (!result.success) throw new BtstoreError("disk", `Cannot build "${outfile}": see the messages above`);
  const path = existsSync(outfile) ? outfile : `${outfile}.exe`;
  process.stderr.write(`${path}: ${formatSize(Bun.file(path).size)}\n`);
  return path;
}

/** The commit that is built, and whether files differ from it. */
function commit(): string {
  const git = (...words: string[]) => Bun.spawnSync(["git", ...words], { cwd: ROOT, stderr: "ignore" });
  try {
    const head = git("rev-parse", "--short=10", "HEAD");
    if (head.exitCode !== 0) return "unknown commit";
    const isChanged = git("status", "--porcelain", "--untracked-files=no").stdout.length > 0;
    return `${head.stdout.toString().trim()}${isChanged ? " changed" : ""}`;
  } catch {
    return "unknown commit";
  }
}
