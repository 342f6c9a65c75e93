/**
 * How fast this machine seals: bare Argon2d, the same with hashing, the check, writing and fsync, on one worker and on two,
 * and the C library where it is installed. `bun test/bench/fill.ts [--units 32] [--rounds 5] [--dir FOLDER]`.
 *
 * Expected limit: memory. A block takes 100 ns from the second-level cache and moves 3 KiB; a unit of 32 MiB does not fit
 * there, so a single chain waits for the third level and main memory. Sealing computes two units in step, where each one's
 * loads hide behind the other's arithmetic; hashing (2 %), the check (one unit per batch) and the copy into the page cache come on top.
 *
 * `BTSTORE_LIBARGON2` names another build of the C library, say one compiled with `-march=native`. It gets huge pages that
 * are in place before it starts.
 */
import { CString, JSCallback, dlopen, ptr, toArrayBuffer, type Pointer } from "bun:ffi";
import { closeSync, fsyncSync, ftruncateSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CHUNK_BYTES, DIGEST_BYTES, PIECES_PER_CHUNK, SEAL_PROFILE, concat, toHex, u16le, u32le, utf8 } from "../../lib/core/mod.ts";
import { SealPool, argon2d, cpuLevel, type UnitSpec } from "../../lib/native/mod.ts";

/** MiB of filler per second of the clock, and per second that the process had a core: the same on a machine of one's own. */
export type Rate = { readonly perSecond: number; readonly perCoreSecond: number };

/** One rate per round. */
export type FillFigures = {
  readonly bare: Rate[];
  readonly sealedByOne: Rate[];
  readonly sealedByTwo: Rate[];
  /** Empty where there is no C library. */
  readonly libargon2: Rate[];
  /** SHA-256 over the tags of one sealed batch: the work was done, and is the same everywhere. */
  readonly digest: string;
};

/**
 * Measures all of them in turn, round after round, so that each round sees the same machine.
 *
 * @param units Units per batch and worker.
 * @param chunks r of a unit.
 */
export async function benchFill({ units, rounds, chunks, passes, dir }: { units: number; rounds: number; chunks: number; passes: number; dir: string }): Promise<FillFigures> {
  const folder = mkdtempSync(join(dir, "btstore-bench-"));
  const pool = new SealPool({ workers: 2 });
  const reference = openLibargon2(chunks);
  const figures: FillFigures = { bare: [], sealedByOne: [], sealedByTwo: [], libargon2: [], digest: "" };
  let digest = "";
  try {
    for (let round = 0; round < rounds; round++) {
      const alone = spec(0, chunks, passes);
      let tag: Uint8Array = new Uint8Array(0);
      figures.bare.push(await rate(chunks, () => (tag = argon2d({ ...alone, memoryKib: chunks * 1024 }))));
      if (reference) {
        let other = new Uint8Array(0);
        figures.libargon2.push(await rate(chunks, () => (other = reference(alone))));
        if (toHex(other) !== toHex(tag)) throw new Error(`libargon2 gives ${toHex(other)}, btstore ${toHex(tag)}`);
      }
      const sealed = await sealAndSync(pool, folder, { batches: 1, units, chunks, passes });
      figures.sealedByOne.push(sealed.rate);
      digest = sealed.digest;
      figures.sealedByTwo.push((await sealAndSync(pool, folder, { batches: 2, units, chunks, passes })).rate);
    }
  } finally {
    await pool.close();
    rmSync(folder, { recursive: true });
  }
  return { ...figures, digest };
}

function spec(index: number, chunks: number, passes: number): UnitSpec {
  return { password: utf8("5".repeat(96)), salt: concat(utf8("btstore1"), u16le(1), u32le(index), u16le(chunks)), chunks, passes };
}

/** The rate of something that makes `mebibytes`. */
async function rate(mebibytes: number, run: () => unknown): Promise<Rate> {
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(cpuStart);
  return { perSecond: mebibytes / ((performance.now() - start) / 1e3), perCoreSecond: mebibytes / ((user + system) / 1e6) };
}

/** Seals one sector of `batches` × `units` units side by side into a new file, up to the end of its fsync. */
async function sealAndSync(pool: SealPool, folder: string, { batches, units, chunks, passes }: { batches: number; units: number; chunks: number; passes: number }): Promise<{ rate: Rate; digest: string }> {
  const unitsPerSector = batches * units;
  const path = join(folder, "sector");
  const file = openSync(path, "w+");
  try {
    ftruncateSync(file, unitsPerSector * chunks * CHUNK_BYTES);
    const leaves = new Uint8Array(new SharedArrayBuffer(unitsPerSector * chunks * PIECES_PER_CHUNK * DIGEST_BYTES));
    let tags: Uint8Array[][] = [];
    const speed = await rate(unitsPerSector * chunks, async () => {
      tags = await Promise.all(
        Array.from({ length: batches }, (_, i) =>
          pool.seal({
            path,
            byteOffset: 0,
            units: Array.from({ length: units }, (_, j) => spec(i * units + j, chunks, passes)),
            firstUnit: i * units,
            unitsPerSector,
            leaves,
          }),
        ),
      );
      fsyncSync(file);
    });
    return { rate: speed, digest: new Bun.CryptoHasher("sha256").update(concat(...tags.flat())).digest("hex") };
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

/** The C library's Argon2d for units of `chunks` chunks, in memory with huge pages; null where it is not installed. */
function openLibargon2(chunks: number): ((unit: UnitSpec) => Uint8Array<ArrayBuffer>) | null {
  const path = process.env.BTSTORE_LIBARGON2 ?? "libargon2.so.1";
  try {
    const library = dlopen(path, { argon2_ctx: { args: ["ptr", "i32"], returns: "i32" }, argon2_error_message: { args: ["i32"], returns: "ptr" } });
    const libc = dlopen("libc.so.6", {
      mmap: { args: ["ptr", "u64", "i32", "i32", "i32", "i64"], returns: "ptr" },
      madvise: { args: ["u64", "u64", "i32"], returns: "i32" },
    });
    const [readWrite, privateAnonymous, adviseHugePages, hugePageBytes] = [3, 0x22, 14, 2 ** 21];
    const memoryBytes = chunks * CHUNK_BYTES;
    const mapped = libc.symbols.mmap(null, memoryBytes + hugePageBytes, readWrite, privateAnonymous, -1, 0) as number;
    const memory = Math.ceil(mapped / hugePageBytes) * hugePageBytes;
    libc.symbols.madvise(memory, memoryBytes, adviseHugePages);
    new Uint8Array(toArrayBuffer(memory as Pointer, 0, memoryBytes)).fill(0);
    const allocate = new JSCallback((target: number) => {
      new DataView(toArrayBuffer(target as Pointer, 0, 8)).setBigUint64(0, BigInt(memory), true);
      return 0;
    }, { args: ["ptr", "u64"], returns: "i32" });
    const free = new JSCallback(() => {}, { args: ["ptr", "u64"], returns: "void" });
    return ({ password, salt, passes }) => {
      // struct Argon2_Context of argon2.h, version 20171227 and later.
      const tag = new Uint8Array(32);
      const context = new DataView(new ArrayBuffer(120));
      const pointer = (at: number, value: number) => context.setBigUint64(at, BigInt(value), true);
      const number = (at: number, value: number) => context.setUint32(at, value, true);
      pointer(0, ptr(tag));
      number(8, tag.length);
      pointer(16, ptr(password));
      number(24, password.length);
      pointer(32, ptr(salt));
      number(40, salt.length);
      [passes, chunks * 1024, 1, 1, 0x13].forEach((value, i) => number(76 + 4 * i, value));
      pointer(96, allocate.ptr!);
      pointer(104, free.ptr!);
      const status = library.symbols.argon2_ctx(new Uint8Array(context.buffer), 0);
      if (status !== 0) throw new Error(`libargon2: ${new CString(library.symbols.argon2_error_message(status)!)}`);
      return tag;
    };
  } catch (error) {
    if (process.env.BTSTORE_LIBARGON2 !== undefined) throw error;
    return null;
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** The figures as text: medians, spreads, and ratios within the run. */
export function describeFill(figures: FillFigures): string {
  const line = (name: string, rates: readonly Rate[]) => {
    const wall = rates.map((entry) => entry.perSecond);
    return `${name.padEnd(28)} ${median(wall).toFixed(1).padStart(6)} MiB/s (${Math.min(...wall).toFixed(1)} to ${Math.max(...wall).toFixed(1)}), ${median(rates.map((entry) => entry.perCoreSecond)).toFixed(1)} per core second`;
  };
  // Rounds are compared with themselves: neighbours on the machine slow all of a round.
  const ratio = (name: string, over: readonly Rate[], under: readonly Rate[], cores = 1) => {
    const wall = median(over.map((entry, i) => entry.perSecond / under[i]!.perSecond));
    const cpu = cores * median(over.map((entry, i) => entry.perCoreSecond / under[i]!.perCoreSecond));
    return `${name.padEnd(28)} ${wall.toFixed(2).padStart(6)} by the clock, ${cpu.toFixed(2)} by core seconds`;
  };
  const { bare, sealedByOne, sealedByTwo, libargon2 } = figures;
  return [
    line("bare kernel, one unit", bare),
    line("sealed and synced, 1 worker", sealedByOne),
    line("sealed and synced, 2 workers", sealedByTwo),
    ...(libargon2.length > 0 ? [line("libargon2, huge pages", libargon2)] : []),
    ratio("sealed / bare", sealedByOne, bare),
    ratio("2 workers / 1", sealedByTwo, sealedByOne, 2),
    ...(libargon2.length > 0 ? [ratio("bare / libargon2", bare, libargon2), ratio("sealed / libargon2", sealedByOne, libargon2)] : ["libargon2 is not installed: nothing to compare with"]),
    `tags ${figures.digest}`,
  ].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { units: { type: "string", default: "32" }, rounds: { type: "string", default: "5" }, dir: { type: "string", default: tmpdir() } } });
  const units = Number(values.units);
  const chunks = SEAL_PROFILE.chunksPerUnit;
  const passes = Math.ceil(SEAL_PROFILE.passChunks / chunks);
  console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${cpuLevel()}; units of ${chunks} MiB × ${passes} passes, batches of ${units} (check: 1 unit more each), ${values.dir}`);
  console.log(describeFill(await benchFill({ units, rounds: Number(values.rounds), chunks, passes, dir: values.dir })));
}
