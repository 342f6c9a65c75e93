import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NonceFile, nonceFile, sweepNonceFiles } from "../../lib/wire/nonce_file.ts";
import { openReplayStore } from "../../lib/wire/replay.ts";
import { draft, plain, requestOf, said, START_MS, testAxon, validator } from "./fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "btstore-nonces-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
const newPath = () => join(folder, `nonces-${count++}`);
const pair = (nonce: number, hotkey = validator.ss58) => ({ hotkey, nonce: BigInt(nonce) });

/** What the next process reads; the one before is killed, not closed. */
function reopened(path: string, slotCount: number) {
  return NonceFile.open(path, slotCount)?.pairs?.map(({ hotkey, nonce }) => ({ hotkey, nonce })) ?? null;
}

describe("NonceFile", () => {
  test("gives the next process every pair in order, the last so many of them", () => {
    const path = newPath();
    const { file, pairs } = NonceFile.open(path, 3)!;
    expect(pairs).toBeNull();
    expect(reopened(path, 3)).toEqual([]);
    for (let nonce = 1; nonce <= 7; nonce++) {
      file.append(pair(nonce, nonce === 6 ? plain.ss58 : validator.ss58));
      const kept = [nonce - 2, nonce - 1, nonce].filter((each) => each >= 1);
      expect(reopened(path, 3)).toEqual(kept.map((each) => pair(each, each === 6 ? plain.ss58 : validator.ss58)));
    }
    expect(statSync(path).size).toBe(4 * 64);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("goes on where the process before it ended", () => {
    const path = newPath();
    for (let nonce = 1; nonce <= 5; nonce++) NonceFile.open(path, 3)!.file.append(pair(nonce));
    expect(reopened(path, 3)).toEqual([pair(3), pair(4), pair(5)]);
  });

  test("tells nothing of another boot, of another size, or of a file that is none", () => {
    const path = newPath();
    NonceFile.open(path, 3)!.file.append(pair(1));
    const bytes = readFileSync(path);
    for (const spoil of [(copy: Buffer) => void (copy[20]! ^= 1), (copy: Buffer) => void copy.fill(0)]) {
      const copy = Buffer.from(bytes);
      spoil(copy);
      writeFileSync(path, copy);
      expect(reopened(path, 3)).toBeNull();
      expect(reopened(path, 3)).toEqual([]);
    }
    writeFileSync(path, bytes);
    expect(reopened(path, 4)).toBeNull();
  });

  test("is not had through a link, in another's reach, or where there is no folder", () => {
    const path = newPath();
    NonceFile.open(path, 3);
    symlinkSync(path, `${path}-link`);
    expect(NonceFile.open(`${path}-link`, 3)).toBeNull();
    chmodSync(path, 0o620);
    expect(NonceFile.open(path, 3)).toBeNull();
    expect(NonceFile.open(join(folder, "missing", "nonces"), 3)).toBeNull();
  });

  test("takes nothing more once it is closed", () => {
    const path = newPath();
    const { file } = NonceFile.open(path, 3)!;
    file.append(pair(1));
    file.close();
    file.append(pair(2));
    expect(reopened(path, 3)).toEqual([pair(1)]);
  });
});

describe("sweepNonceFiles()", () => {
  test("removes what nobody wrote to for an hour, and nothing that is not a nonce file", () => {
    const dir = mkdtempSync(join(tmpdir(), "btstore-nonces-"));
    for (const name of ["btstore-nonces-a", "btstore-nonces-b", "other"]) writeFileSync(join(dir, name), "");
    for (const name of ["btstore-nonces-a", "other"]) utimesSync(join(dir, name), new Date(0), new Date(0));
    const nowMs = statSync(join(dir, "btstore-nonces-b")).mtimeMs;
    sweepNonceFiles(nowMs + 3_600_000, dir);
    expect(readdirSync(dir).sort()).toEqual(["btstore-nonces-b", "other"]);
    sweepNonceFiles(nowMs + 3_600_001, dir);
    expect(readdirSync(dir)).toEqual(["other"]);
    sweepNonceFiles(0, join(dir, "missing"));
    rmSync(dir, { recursive: true });
  });
});

describe("nonceFile()", () => {
  test("is one path per folder, and says nothing about it", () => {
    expect(nonceFile("/data/a")).toBe(nonceFile("/data/a"));
    expect(nonceFile("/data/a")).not.toBe(nonceFile("/data/b"));
    expect(nonceFile("/data/a")).toMatch(/^\/dev\/shm\/btstore-nonces-[0-9a-f]{32}$/);
  });
});

describe("openReplayStore()", () => {
  const bounds = { pairsMax: 8, pairsPerHotkeyMax: 4 };
  const ns = (ms: number) => BigInt(ms) * 1_000_000n;

  test("after a restart refuses what was accepted, and nothing else", () => {
    const path = newPath();
    const first = openReplayStore(bounds, path, START_MS, START_MS, 0);
    expect(first.isBeforeStart(ns(START_MS + 2_000))).toBe(true);
    for (const ms of [3_000, 3_001]) first.record(validator.ss58, ns(START_MS + ms), 3_000);
    const second = openReplayStore(bounds, path, START_MS + 3_000, START_MS + 3_100, 0);
    expect(second.isBeforeStart(ns(START_MS + 2_999))).toBe(false);
    expect(second.has(validator.ss58, ns(START_MS + 3_001))).toBe(true);
    expect(second.record(validator.ss58, ns(START_MS + 3_000), 100)).toBe("replayed");
    expect(second.record(plain.ss58, ns(START_MS + 3_000), 100)).toBe("recorded");
  });

  test("takes over no pair that is too old, and goes by the start where there is no file", () => {
    const path = newPath();
    openReplayStore(bounds, path, START_MS, START_MS, 0).record(validator.ss58, ns(START_MS + 3_000), 0);
    expect(openReplayStore(bounds, path, START_MS, START_MS + 63_001, 0).has(validator.ss58, ns(START_MS + 3_000))).toBe(false);
    for (const none of [undefined, join(folder, "missing", "nonces")]) {
      const store = openReplayStore(bounds, none, START_MS, START_MS, 0);
      expect([store.isBeforeStart(ns(START_MS + 2_000)), store.isBeforeStart(ns(START_MS + 2_001))]).toEqual([true, false]);
    }
  });
});

describe("createAxon() after a restart", () => {
  test("answers at once, and refuses what the process before it answered", async () => {
    const file = newPath();
    const ask = async (axon: ReturnType<typeof testAxon>["axon"], sent: ReturnType<typeof draft>) => said(await axon(requestOf(sent), "192.0.2.1"));
    // `notBeforeMs` left out: the start of this process is long after the tests' clock.
    const start = () => testAxon({ notBeforeMs: undefined, nonceFile: file } as object).axon;
    expect(await ask(start(), draft("Ping", new Uint8Array(1)))).toBe("401 StaleRequest");
    const sent = draft("Ping", new Uint8Array(1));
    const second = start();
    expect(await ask(second, sent)).toBe("200 ok");
    const third = start();
    expect(await ask(third, sent)).toBe("401 ReplayedRequest");
    expect(await ask(third, draft("Ping", new Uint8Array(1)))).toBe("200 ok");
  });
});
