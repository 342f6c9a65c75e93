/**
 * The Zig library: opened once per thread, on first use, and checked for its ABI version.
 *
 * Must agree with `zig/abi.zig`. Inside the compiled executable the library is loaded from memory: Bun's own extraction
 * keeps the file in the temporary folder and takes any file of the same name and size for it later, damaged or not.
 */
import { dlopen, type FFIFunction } from "bun:ffi";
import { closeSync, readFileSync, writeSync } from "node:fs";
import { BtstoreError } from "../core/mod.ts";
import embeddedPath from "../../zig/zig-out/lib/libbtstore.so" with { type: "file" };

const ABI_VERSION = 4;

const SYMBOLS = {
  bts_abi_version: { args: [], returns: "u32" },
  bts_cpu_level: { args: [], returns: "u32" },
  bts_argon2d: {
    args: ["u32", "ptr", "u64", "ptr", "u64", "ptr", "u64", "ptr", "u64", "u32", "u32", "u32", "ptr", "u64", "ptr", "u64"],
    returns: "u32",
  },
  bts_seal: {
    args: ["u32", "ptr", "u64", "ptr", "u64", "u32", "u32", "i32", "u64", "u32", "u32", "u32", "ptr", "u64", "ptr", "u64", "ptr", "u64", "ptr"],
    returns: "u32",
  },
  bts_unit_pieces: {
    args: ["u32", "ptr", "u64", "ptr", "u64", "u32", "u32", "ptr", "u64", "ptr", "u64", "ptr", "ptr"],
    returns: "u32",
  },
  bts_stripe_tree: { args: ["u32", "ptr", "u64", "ptr", "ptr"], returns: "u32" },
  bts_stripe_roots: { args: ["u32", "ptr", "u64", "ptr", "u64"], returns: "u32" },
  bts_merkle_root: { args: ["u32", "ptr", "u64", "ptr"], returns: "u32" },
  bts_drop_file_cache: { args: ["i32"], returns: "u32" },
  bts_preallocate: { args: ["i32", "u64"], returns: "u32" },
  bts_merkle_path: { args: ["u32", "ptr", "u64", "u64", "ptr", "u64"], returns: "u32" },
} as const satisfies Record<string, FFIFunction>;

/** The library's functions; every one but the first two takes a CPU level and returns a status. */
export type Native = ReturnType<typeof dlopen<typeof SYMBOLS>>["symbols"];

/** CPU levels by their number in `zig/cpu.zig`. 0 asks for the best. */
export const CPU_LEVELS: Readonly<Record<number, string>> = {
  1: "x86-64-v2",
  2: "x86-64-v3",
  3: "x86-64-v3+sha",
  4: "x86-64-v4",
  5: "x86-64-v4+sha",
  6: "aarch64",
};

/** The best level of this machine, as an argument. */
export const BEST_LEVEL = 0;

/** Statuses by their number in `zig/abi.zig`. */
export const STATUS = {
  ok: 0,
  invalidArgument: 1,
  unsupportedLevel: 2,
  outOfMemory: 3,
  cancelled: 4,
  selfCheckFailed: 5,
  diskFull: 6,
  diskFailed: 7,
  unsupported: 8,
} as const;

let opened: Native | null = null;

/**
 * The library of this thread.
 *
 * @throws {BtstoreError} `memory` if it cannot be loaded or is of another version.
 */
export function native(): Native {
  opened ??= open();
  return opened;
}

/** The name of the level that this machine computes at, such as `x86-64-v4+sha`. */
export function cpuLevel(): string {
  return CPU_LEVELS[native().bts_cpu_level()] ?? "unknown";
}

/**
 * Turns a status into nothing or an error.
 *
 * @param action What was attempted, as it follows "Cannot".
 * @throws {RangeError} If an argument was refused: the callers here check theirs first, so it is our bug.
 * @throws {BtstoreError} `memory`, `cancelled`, `disk_full` or `disk`.
 */
export function check(status: number, action: string): void {
  switch (status) {
    case STATUS.ok:
      return;
    case STATUS.outOfMemory:
      throw new BtstoreError("memory", `Cannot ${action}: the system gives no more memory; use fewer --workers`);
    case STATUS.cancelled:
      throw new BtstoreError("cancelled", `Cannot ${action}: cancelled`);
    case STATUS.selfCheckFailed:
      throw new BtstoreError("memory", `Cannot ${action}: this machine computed the same unit twice with different results; test its memory before sealing anything with it`);
    case STATUS.diskFull:
      throw new BtstoreError("disk_full", `Cannot ${action}: the disk is full`);
    case STATUS.diskFailed:
      throw new BtstoreError("disk", `Cannot ${action}: the disk refused a write; see the system's log`);
    default:
      throw new RangeError(`${action}: the native library refused an argument, status ${status}`);
  }
}

function open(): Native {
  let symbols: Native;
  try {
    symbols = isCompiled() && process.platform === "linux" ? openFromMemory() : dlopen(embeddedPath, SYMBOLS).symbols;
  } catch (cause) {
    throw new BtstoreError("memory", "Cannot load the native library: the system refused it", { cause });
  }
  const version = symbols.bts_abi_version();
  if (version !== ABI_VERSION) {
    throw new BtstoreError("memory", `Cannot use the native library: it has ABI version ${version}, ${ABI_VERSION} is wanted; build it again with "npm run zig"`);
  }
  return symbols;
}

function isCompiled(): boolean {
  return embeddedPath.startsWith("/$bunfs/");
}

/** Loads the embedded library through an anonymous file, so that nothing on disk can stand in for it. */
function openFromMemory(): Native {
  const MFD_CLOEXEC = 1;
  const libc = dlopen("libc.so.6", { memfd_create: { args: ["ptr", "u32"], returns: "i32" } });
  const file = libc.symbols.memfd_create(Buffer.from("btstore\0"), MFD_CLOEXEC);
  if (file < 0) return dlopen(embeddedPath, SYMBOLS).symbols;
  try {
    const bytes = readFileSync(embeddedPath);
    for (let offset = 0; offset < bytes.length; ) offset += writeSync(file, bytes, offset);
    return dlopen(`/proc/self/fd/${file}`, SYMBOLS).symbols;
  } finally {
    closeSync(file);
  }
}
