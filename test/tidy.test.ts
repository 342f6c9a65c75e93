/**
 * The rules of the tree that no compiler holds: who may import whom, how long a file may be, what the lock file and the
 * README may say. The table is the one of the layout; where a room needed more, the row says why.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { Glob } from "bun";
import { withTables } from "../cmd/packaging/readme.ts";

const ROOT = join(import.meta.dir, "..");
const LINES_MAX = 500;

/** What one room may import: rooms of ours through their doorway, and outside packages (a trailing `*` takes all below). */
type Room = { readonly floor: number; readonly rooms: readonly string[]; readonly outside: readonly string[] };

/** Node's and Bun's own modules that any room may use; the ones that mean something are named per room. */
const ORDINARY = ["node:path", "node:os", "node:util", "node:buffer", "node:events", "node:assert"];

const ROOMS: Readonly<Record<string, Room>> = {
  core: { floor: 0, rooms: [], outside: [] },
  native: { floor: 1, rooms: ["core"], outside: ["bun:ffi", "node:fs*", "node:crypto", "bun"] },
  wallet: { floor: 2, rooms: ["core", "native"], outside: ["@noble/*", "node:crypto", "node:fs*", "@polkadot/keyring*", "@polkadot/util", "@polkadot/util-crypto*", "@polkadot/wasm-crypto"] },
  space: { floor: 2, rooms: ["core", "native"], outside: ["@noble/hashes/*"] },
  store: { floor: 2, rooms: ["core", "space", "native"], outside: ["bun:sqlite", "node:fs*", "node:crypto", "@noble/hashes/*"] },
  shard: { floor: 2, rooms: ["core", "native"], outside: ["@noble/ciphers/*", "@noble/hashes/*"] },
  chain: { floor: 3, rooms: ["core", "wallet"], outside: ["@polkadot/*", "@noble/curves/*", "@noble/ciphers/*", "@noble/hashes/*"] },
  wire: { floor: 3, rooms: ["core", "wallet"], outside: ["bun", "@noble/hashes/*", "node:crypto", "node:fs", "node:net"] },
  audit: { floor: 3, rooms: ["core", "space"], outside: ["@noble/hashes/*"] },
  miner: { floor: 4, rooms: ["core", "wallet", "space", "store", "chain", "wire", "audit"], outside: [] },
  validator: { floor: 4, rooms: ["core", "wallet", "space", "store", "shard", "audit", "chain", "wire"], outside: [] },
  bridge: { floor: 4, rooms: ["core", "wallet", "store", "shard", "audit", "chain", "wire"], outside: ["bun"] },
  devnet: { floor: 4, rooms: ["core", "wallet", "chain"], outside: ["bun", "@polkadot/*", "node:net", "node:fs"] },
  cmd: { floor: 5, rooms: ["core", "wallet", "space", "store", "shard", "audit", "chain", "wire", "miner", "validator", "bridge", "devnet"], outside: ["citty", "consola/*", "bun", "node:fs*", "node:readline"] },
};

/** What the layout's table did not foresee: file (a trailing `*` takes all below) → what it may import besides, and why. */
const ADDITIONS: readonly { readonly file: string; readonly imports: readonly string[]; readonly why: string }[] = [
  { file: "lib/audit/ledger*", imports: ["bun:sqlite"], why: "the ledger's files are the audit files that keep state; the layout allows it" },
  { file: "lib/chain/address.ts", imports: ["node:net"], why: "isIP(), no socket" },
  { file: "lib/chain/commits_file.ts", imports: ["node:fs*"], why: "the salt of a hash commit exists nowhere else" },
  { file: "lib/devnet/chain/drand.ts", imports: ["@noble/curves/*", "@noble/hashes/*"], why: "signs as the drand network would" },
  { file: "lib/miner/address.ts", imports: ["node:net"], why: "isIP(), no socket" },
  { file: "lib/devnet/cheaters/*", imports: ["miner", "space", "store", "audit", "wire", "native", "@noble/hashes/*"], why: "a cheat is a miner with one thing changed" },
  { file: "lib/miner/*", imports: ["native", "node:fs*"], why: "the seal pool and the hot hashes are handed to store and audit here; disks are watched" },
  { file: "lib/validator/*", imports: ["native", "bun:sqlite", "node:fs*", "node:crypto"], why: "unit checks recompute in native workers; the ledger's database is opened by store" },
  { file: "cmd/bench.ts", imports: ["native"], why: "the benchmark is about the native kernel" },
  { file: "cmd/alloc.ts", imports: ["native"], why: "the one command that seals without a role around it" },
  { file: "cmd/version.ts", imports: ["native"], why: "names the CPU level" },
  { file: "cmd/packaging/release.ts", imports: ["node:crypto"], why: "sums of what it built" },
  { file: "cmd/verify.ts", imports: ["native"], why: "repair seals without a role around it" },
];

type Import = { readonly from: string; readonly line: number; readonly target: string };

const SOURCES = [...new Glob("{lib,cmd}/**/*.ts").scanSync(ROOT)].sort();

/** Every static, dynamic and re-exporting import of a file, types included. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const pattern = /^\s*(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;
  return [...text.matchAll(pattern)].map((match) => ({
    from: file,
    line: text.slice(0, match.index).split("\n").length,
    target: (match[1] ?? match[2] ?? match[3])!,
  }));
}

function roomOf(path: string): string {
  const [top, room] = path.split("/");
  return top === "lib" ? room! : top!;
}

function fits(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

/** What is wrong with an import; null if nothing. `name` is the room or the package that it needs. */
function faultOf({ from, target }: Import): string | null {
  const room = ROOMS[roomOf(from)];
  if (!room) return `the room "${roomOf(from)}" is not in the table`;
  const added = ADDITIONS.filter(({ file }) => fits(file, from)).flatMap(({ imports }) => imports);
  if (!target.startsWith(".")) {
    return [...ORDINARY, ...room.outside, ...added].some((pattern) => fits(pattern, target)) ? null : `may not import "${target}"`;
  }
  const path = relative(ROOT, join(ROOT, dirname(from), target));
  if (/^(package\.json$|zig\/zig-out\/lib\/)/.test(path)) return roomOf(from) === (path === "package.json" ? "cmd" : "native") ? null : `may not import "${path}"`;
  if (!path.endsWith(".ts")) return `imports "${target}" without ".ts"`;
  const other = roomOf(path);
  if (other === roomOf(from)) return null;
  if (!room.rooms.includes(other) && !added.includes(other)) return `may not import the room "${other}"`;
  return path === `lib/${other}/mod.ts` ? null : `enters "${other}" past its doorway: "${path}"`;
}

describe("imports", () => {
  test("the table itself only goes down, and roles do not import one another", () => {
    for (const [name, { floor, rooms }] of Object.entries(ROOMS)) {
      for (const other of rooms) {
        // Space is the lower half of its floor: store lays out what space computes.
        const isDown = ROOMS[other]!.floor < floor || (name === "store" && other === "space");
        expect(isDown, `${name} → ${other}`).toBe(true);
      }
    }
  });

  test("every file keeps to its room's row, and enters other rooms by their doorway", () => {
    const faults = SOURCES.flatMap(importsOf).flatMap((one) => {
      const fault = faultOf(one);
      return fault === null ? [] : [`${one.from}:${one.line} ${fault}`];
    });
    expect(faults).toEqual([]);
  });

  test("the check itself finds wrong imports of every kind", () => {
    for (const [from, target] of [
      ["lib/core/x.ts", "../wallet/mod.ts"], ["lib/space/x.ts", "bun:ffi"], ["lib/miner/x.ts", "../validator/mod.ts"], ["lib/store/x.ts", "../space/geometry.ts"],
      ["lib/audit/verify.ts", "bun:sqlite"], ["cmd/x.ts", "../lib/native/mod.ts"], ["lib/wire/x.ts", "./y"], ["lib/nowhere/x.ts", "node:path"], ["lib/devnet/mod.ts", "../miner/mod.ts"],
    ]) {
      expect(faultOf({ from: from!, target: target!, line: 1 }), `${from} ← ${target}`).not.toBeNull();
    }
  });

  test("every package they name is in package.json, not there by accident", () => {
    const declared = Object.keys((JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { dependencies: object }).dependencies);
    const named = SOURCES.flatMap(importsOf).filter(({ target }) => !/^(\.|bun$|bun:|node:)/.test(target));
    const packageOf = (target: string) => target.split("/", target.startsWith("@") ? 2 : 1).join("/");
    expect(named.filter(({ target }) => !declared.includes(packageOf(target)))).toEqual([]);
  });

  test("only native imports bun:ffi", () => {
    expect(SOURCES.flatMap(importsOf).filter(({ from, target }) => target === "bun:ffi" && roomOf(from) !== "native")).toEqual([]);
  });
});

describe("files", () => {
  const all = [...new Glob("{lib,cmd,test}/**/*.ts").scanSync(ROOT), ...new Glob("zig/*.zig").scanSync(ROOT)].sort();

  test(`none is longer than ${LINES_MAX} lines`, () => {
    const long = all.map((file) => [file, readFileSync(join(ROOT, file), "utf8").split("\n").length - 1] as const).filter(([, lines]) => lines > LINES_MAX);
    expect(long).toEqual([]);
  });

  test("none leaves something to do later", () => {
    const mark = new RegExp(["TO", "DO|FIX", "ME|X", "XX"].join(""));
    expect(all.filter((file) => mark.test(readFileSync(join(ROOT, file), "utf8")))).toEqual([]);
  });

  test("all pass the type check, and zig's are formatted", async () => {
    const path = `${join(ROOT, "node_modules/.bin")}:${process.env["PATH"]}`;
    const child = Bun.spawn([process.execPath, "run", "check"], { cwd: ROOT, env: { ...process.env, PATH: path }, stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
    expect({ status, said: status === 0 ? "" : stdout + stderr }).toEqual({ status: 0, said: "" });
  }, 60_000);
});

describe("the package", () => {
  test("its lock file names no registry", () => {
    const lock = readFileSync(join(ROOT, "package-lock.json"), "utf8");
    expect(lock).not.toContain('"resolved"');
    expect(JSON.parse(lock)).toMatchObject({ name: "btstore", lockfileVersion: 3 });
  });

  test("it depends on exact versions", () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<string, Record<string, string>>;
    for (const group of ["dependencies", "devDependencies", "optionalDependencies"]) {
      for (const [name, version] of Object.entries(manifest[group] ?? {})) expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    }
  });
});

describe("README.md", () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");

  test("its tables are those the program runs by; if not: bun cmd/packaging/readme.ts", () => {
    expect(readme).toBe(withTables(readme));
  });

  test("begins with the two commands", () => {
    expect(readme.split("\n").slice(0, 8).join("\n")).toMatch(/npm ci && npm start[\s\S]*npm cit/);
  });
});
