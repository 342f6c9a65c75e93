/**
 * Makes an executable for every platform we build for, each with its own Zig library inside, and their sums:
 * `dist/release/btstore-<version>-<platform>` and `dist/release/SHA256SUMS` (check with `sha256sum -c`).
 *
 * Names of platforms as arguments build those only; `--output` names another folder, which is emptied first. Bun takes the run-times of other platforms from the npm registry.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { version } from "../../package.json";
import { BtstoreError } from "../../lib/core/mod.ts";
import { buildExecutable, ROOT } from "./bundle.ts";

type Platform = { readonly bun: Bun.Build.CompileTarget; readonly zig: string; readonly library: string };

/** Not Windows: the library reserves and writes through POSIX calls. The oldest glibc is that of `zig/build.zig`; kernels for newer processors are inside each library. */
const PLATFORMS: Readonly<Record<string, Platform>> = {
  // For every x86-64 processor: Bun's npm package is the baseline run-time, byte for byte.
  "linux-x64": { bun: "bun-linux-x64-baseline", zig: "x86_64-linux-gnu.2.17", library: "lib/libbtstore.so" },
  "linux-arm64": { bun: "bun-linux-arm64", zig: "aarch64-linux-gnu.2.17", library: "lib/libbtstore.so" },
  "macos-arm64": { bun: "bun-darwin-arm64", zig: "aarch64-macos", library: "lib/libbtstore.dylib" },
  "macos-x64": { bun: "bun-darwin-x64", zig: "x86_64-macos", library: "lib/libbtstore.dylib" },
};

/** Its run-time is the one that builds, so nothing is fetched for it. */
const OWN = `${process.platform}-${process.arch}`;

const { values, positionals: wanted } = parseArgs({ options: { output: { type: "string", default: join(ROOT, "dist/release") } }, allowPositionals: true });
const output = resolve(values.output);
for (const name of wanted) if (!Object.hasOwn(PLATFORMS, name)) throw new BtstoreError("usage", `Cannot build for "${name}": the platforms are ${Object.keys(PLATFORMS).join(", ")}`);
rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
const sums: string[] = [];
for (const name of wanted.length > 0 ? wanted : Object.keys(PLATFORMS)) {
  const path = await buildFor(name, PLATFORMS[name]!, join(output, `btstore-${version}-${name}`));
  sums.push(`${createHash("sha256").update(readFileSync(path)).digest("hex")}  ${basename(path)}\n`);
}
writeFileSync(join(output, "SHA256SUMS"), sums.join(""));

async function buildFor(name: string, { bun, zig, library }: Platform, outfile: string): Promise<string> {
  const prefix = join(ROOT, "zig/zig-out/release", zig);
  const child = Bun.spawn(["zig", "build", "-Doptimize=ReleaseFast", `-Dtarget=${zig}`, "-Dcpu=baseline", "--prefix", prefix], { cwd: join(ROOT, "zig"), stdio: ["ignore", "inherit", "inherit"] });
  if ((await child.exited) !== 0) throw new BtstoreError("disk", `Cannot build the library for ${zig}: see the messages above`);
  return buildExecutable(outfile, { target: name === OWN ? null : bun, library: join(prefix, library) });
}
