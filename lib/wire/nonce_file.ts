/**
 * Accepted nonces in a file that outlives the process, so that the next one need not refuse what only may be a replay.
 *
 * The file lies in shared memory: a write is a copy, never waits for a disk that a fill keeps busy, and stands once it
 * returned, even if the process is killed in the next instruction. It is lost with the machine's memory and then says
 * nothing: a file is believed only if this boot of this machine wrote it, whole, and this user owns it.
 *
 * Layout, 64-byte slots: slot 0 is the tag, 16 bytes; the boot's id, 36 of ASCII; slots in the ring, u32; and the time
 * from which on it is complete, milliseconds, u64. The others are the ring, one pair each: hotkey, 48 bytes of ASCII;
 * nonce, u64; number of the pair from 1 on, u64; little-endian. The ring is as long as the replay store may grow,
 * which drops pairs in the order it took them: what is overwritten was forgotten before.
 */
import { closeSync, constants, fstatSync, ftruncateSync, lstatSync, openSync, readFileSync, readSync, readdirSync, rmSync, writeSync } from "node:fs";
import { assertInteger, concat, readU64le, u32le, u64le, utf8 } from "../core/mod.ts";
import type { Ss58 } from "../core/mod.ts";

/** One accepted request. */
export type NoncePair = { readonly hotkey: Ss58; readonly nonce: bigint };

const SLOT_BYTES = 64;
const TAG = utf8("btstore-nonces1\n");
/** Of the time from which on the file is complete, in slot 0. */
const SINCE_OFFSET = 56;
const ADDRESS = /^5[1-9A-HJ-NP-Za-km-z]{47}$/;
const FOLDER = "/dev/shm";
const PREFIX = "btstore-nonces-";
/** Files that nobody wrote to for this long are swept, in milliseconds: a nonce is worth something for a minute. */
const SWEEP_MS = 3_600_000;
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/**
 * Where the axon of a folder keeps its nonces.
 *
 * @param dir A folder that only one axon at a time works on.
 */
export function nonceFile(dir: string): string {
  return `${FOLDER}/${PREFIX}${Bun.SHA256.hash(dir, "hex").slice(0, 32)}`;
}

export class NonceFile {
  readonly #slotCount: number;
  #fd: number | null;
  #last: bigint;

  private constructor(fd: number, slotCount: number, last: bigint) {
    this.#fd = fd;
    this.#slotCount = slotCount;
    this.#last = last;
  }

  /**
   * Opens a file for one axon.
   *
   * @param slotCount Pairs that are kept: at least as many as may be fresh at once.
   * @param sinceMs Wall clock: later nonces are in a file that is begun now, because there is none, or one of another
   *   boot or another size.
   * @returns Null if no such file can be had. `pairs` is everything kept, oldest first; with nonces up to `sinceMs`
   *   missing, as it was given when the file was begun.
   */
  static open(path: string, slotCount: number, sinceMs: number): { file: NonceFile; sinceMs: number; pairs: NoncePair[] } | null {
    assertInteger(slotCount, 1, 2 ** 24, "slotCount");
    assertInteger(sinceMs, 0, Number.MAX_SAFE_INTEGER, "sinceMs");
    let fd: number | null = null;
    try {
      const head = headOf(slotCount, sinceMs);
      fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
      const { uid, mode, size } = fstatSync(fd);
      if (uid !== process.getuid!() || (mode & 0o177_077) !== constants.S_IFREG) throw new RangeError("nonce file: expected a regular file of ours alone");
      const bytes = new Uint8Array(Math.min(size, (slotCount + 1) * SLOT_BYTES));
      const length = readSync(fd, bytes, 0, bytes.length, 0);
      if (length >= SLOT_BYTES && Buffer.compare(bytes.subarray(0, SINCE_OFFSET), head.subarray(0, SINCE_OFFSET)) === 0) {
        const kept = readPairs(bytes.subarray(0, length));
        return { file: new NonceFile(fd, slotCount, kept.at(-1)?.number ?? 0n), sinceMs: Number(readU64le(bytes, SINCE_OFFSET)), pairs: kept };
      }
      ftruncateSync(fd, 0);
      writeSync(fd, head, 0, SLOT_BYTES, 0);
      return { file: new NonceFile(fd, slotCount, 0n), sinceMs, pairs: [] };
    } catch {
      // No shared memory, no room, or somebody else's file: the axon does without.
      if (fd !== null) closeSync(fd);
      return null;
    }
  }

  /** Adds a pair. Where that fails, the file is made worthless: better none than one with a hole. */
  append({ hotkey, nonce }: NoncePair): void {
    if (this.#fd === null) return;
    const number = this.#last + 1n;
    const slot = concat(utf8(hotkey), u64le(nonce), u64le(number));
    const position = SLOT_BYTES * (1 + Number((number - 1n) % BigInt(this.#slotCount)));
    try {
      if (writeSync(this.#fd, slot, 0, SLOT_BYTES, position) !== SLOT_BYTES) throw new RangeError("nonce file: expected a whole slot to be written");
      this.#last = number;
    } catch {
      ftruncateSync(this.#fd, 0);
      this.close();
    }
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}

/**
 * Removes files that axons of other folders left behind. One that is in use all the same is only missed after its
 * axon's next start.
 */
export function sweepNonceFiles(nowMs: number, folder = FOLDER): void {
  try {
    for (const name of readdirSync(folder)) {
      const path = `${folder}/${name}`;
      if (name.startsWith(PREFIX) && nowMs - lstatSync(path).mtimeMs > SWEEP_MS) rmSync(path);
    }
  } catch {
    // Gone already, or another user's: not ours to care about.
  }
}

/** Slot 0. Throws where there is no boot id. */
function headOf(slotCount: number, sinceMs: number): Uint8Array {
  const head = concat(TAG, utf8(readFileSync(BOOT_ID, "latin1").trim()), u32le(slotCount), u64le(sinceMs));
  if (head.length !== SLOT_BYTES) throw new RangeError("nonce file: expected a boot id of 36 characters");
  return head;
}

function readPairs(bytes: Uint8Array): (NoncePair & { number: bigint })[] {
  const pairs: (NoncePair & { number: bigint })[] = [];
  for (let at = SLOT_BYTES; at + SLOT_BYTES <= bytes.length; at += SLOT_BYTES) {
    const hotkey = Buffer.from(bytes.buffer, bytes.byteOffset + at, 48).toString("latin1");
    if (ADDRESS.test(hotkey)) pairs.push({ hotkey: hotkey as Ss58, nonce: readU64le(bytes, at + 48), number: readU64le(bytes, at + 56) });
  }
  return pairs.sort((a, b) => (a.number < b.number ? -1 : 1));
}
