import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NonceFile, nonceFile, sweepNonceFiles } from "../../lib/wire/nonce_file.ts";
import { openReplayStore } from "../../lib/wire/replay.ts";
import { NonceSource } from "../../lib/wire/btauth.ts";
import { WIRE_LIMITS } from "../../lib/wire/mod.ts";
import { draft, plain, said, START_MS, validator } from "./fixture.ts";

// Processes are started, on a core that others may be using.
setDefaultTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), "btstore-nonces-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
const newPath = () => join(folder, `nonces-${count++}`);
const pair = (nonce: number, hotkey = validator.ss58) => ({ hotkey, nonce: BigInt(nonce) });

/** What the next process reads; the one before is killed, not closed. */
function reopened(path: string, slotCount: number) {
  const opened = NonceFile.open(path, slotCount, 99);
  // The time it was begun with, and what is in it.
  return opened && [opened.sinceMs, opened.pairs.map(({ hotkey, nonce }) => ({ hotkey, nonce }))];
}

describe("NonceFile", () => {
  test("gives the next process every pair in order, the last so many of them", () => {
    const path = newPath();
    const { file, pairs } = NonceFile.open(path, 3, 7)!;
    expect(pairs).toEqual([]);
    expect(reopened(path, 3)).toEqual([7, []]);
    for (let nonce = 1; nonce <= 7; nonce++) {
      file.append(pair(nonce, nonce === 6 ? plain.ss58 : validator.ss58));
      const kept = [nonce - 2, nonce - 1, nonce].filter((each) => each >= 1);
      expect(reopened(path, 3)).toEqual([7, kept.map((each) => pair(each, each === 6 ? plain.ss58 : validator.ss58))]);
    }
    expect(statSync(path).size).toBe(4 * 64);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("goes on where the process before it ended", () => {
    const path = newPath();
    for (let nonce = 1; nonce <= 5; nonce++) NonceFile.open(path, 3, 7)!.file.append(pair(nonce));
    expect(reopened(path, 3)).toEqual([7, [pair(3), pair(4), pair(5)]]);
  });

  test("is begun anew after another boot, with another size, or where it was none", () => {
    const path = newPath();
    NonceFile.open(path, 3, 7)!.file.append(pair(1));
    const bytes = readFileSync(path);
    for (const spoil of [(copy: Buffer) => void (copy[20]! ^= 1), (copy: Buffer) => void copy.fill(0)]) {
      const copy = Buffer.from(bytes);
      spoil(copy);
      writeFileSync(path, copy);
      expect(reopened(path, 3)).toEqual([99, []]);
    }
    writeFileSync(path, bytes);
    expect(reopened(path, 4)).toEqual([99, []]);
  });

  test("is not had through a link, in another's reach, or where there is no folder", () => {
    const path = newPath();
    NonceFile.open(path, 3, 7);
    symlinkSync(path, `${path}-link`);
    expect(NonceFile.open(`${path}-link`, 3, 7)).toBeNull();
    chmodSync(path, 0o620);
    expect(NonceFile.open(path, 3, 7)).toBeNull();
    expect(NonceFile.open(join(folder, "missing", "nonces"), 3, 7)).toBeNull();
  });

  test("takes nothing more once it is closed", () => {
    const path = newPath();
    const { file } = NonceFile.open(path, 3, 7)!;
    file.append(pair(1));
    file.close();
    file.append(pair(2));
    expect(reopened(path, 3)).toEqual([7, [pair(1)]]);
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
    for (const ms of [3_000, 3_001]) first.record(validator.ss58, ns(START_MS + ms), 3_000);
    const second = openReplayStore(bounds, path, START_MS + 3_000, START_MS + 3_100, 0);
    // What came before the file was begun stays refused, by however many processes in a row.
    for (const store of [first, second]) expect([store.isBeforeStart(ns(START_MS + 2_000)), store.isBeforeStart(ns(START_MS + 2_001))]).toEqual([true, false]);
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

describe("createAxon() after its process was killed", () => {
  /** Starts an axon in a process of its own, and says what it answers. */
  async function start(file: string) {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "axon-child.ts"), file], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    const { value } = await child.stdout.getReader().read();
    const port = Number(new TextDecoder().decode(value));
    return {
      async ask({ headers, body }: ReturnType<typeof draft>) {
        return said(await fetch(`http://127.0.0.1:${port}/btstore/1/Ping`, { method: "POST", headers, body: body as Uint8Array<ArrayBuffer> }));
      },
      async kill() {
        child.kill("SIGKILL");
        await child.exited;
      },
    };
  }

  test("answers from the start on, but nothing that was answered before", async () => {
    const file = newPath();
    const nonces = new NonceSource(() => Date.now());
    const fresh = () => draft("Ping", new Uint8Array(1), validator, nonces.next());
    // Begun long enough ago.
    NonceFile.open(file, WIRE_LIMITS.replayPairsMax, 0);
    const first = await start(file);
    const sent = fresh();
    expect([await first.ask(sent), await first.ask(fresh())]).toEqual(["200 ok", "200 ok"]);
    await first.kill();
    const second = await start(file);
    expect([await second.ask(sent), await second.ask(fresh())]).toEqual(["401 ReplayedRequest", "200 ok"]);
    await second.kill();
    rmSync(file);
    const third = await start(file);
    expect(await third.ask(sent)).toBe("401 StaleRequest");
    await third.kill();
  });
});
