/**
 * Makes `dist/btstore`: one executable with the Zig library and every worker inside.
 *
 * Workers must be entry points of their own, or the executable cannot start them. Splitting keeps what a command does
 * not need out of its start; bytecode saves parsing. A foreign `.env` or `bunfig.toml` in the current folder is never
 * read: a `preload` there would run inside the executable.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { BtstoreError, formatSize } from "../../lib/core/mod.ts";

const ROOT = join(import.meta.dir, "../..");
const OUTPUT = join(ROOT, "dist/btstore");

/** Entry points; their common folder is the repository's root, which worker paths are resolved against. */
const ENTRY_POINTS = ["cmd/main.ts", "lib/native/worker.ts", "lib/wire/timer.ts"];

const entrypoints = ENTRY_POINTS.map((entry) => join(ROOT, entry)).filter((entry) => existsSync(entry));
const result = await Bun.build({
  entrypoints,
  root: ROOT,
  target: "bun",
  format: "esm",
  splitting: true,
  minify: true,
  bytecode: true,
  define: { "process.env.NODE_ENV": '"production"' },
  compile: { outfile: OUTPUT, autoloadDotenv: false, autoloadBunfig: false },
  throw: false,
});
for (const message of result.logs) process.stderr.write(`${message}\n`);
if (!result.success) throw new BtstoreError("disk", "Cannot build dist/btstore: see the messages above");
process.stderr.write(`dist/btstore: ${formatSize(Bun.file(OUTPUT).size)}\n`);
