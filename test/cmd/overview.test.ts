import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectChain } from "../../lib/chain/mod.ts";
import { silentLog, systemClock, windowsFor } from "../../lib/core/mod.ts";
import { sealPartitions } from "../../lib/miner/mod.ts";
import { openStore, type Store } from "../../lib/store/mod.ts";
import { openLedgers } from "../../lib/validator/mod.ts";
import { cryptoReady, type Hotkey, keypairFromUri } from "../../lib/wallet/mod.ts";
import { btstore, TerminalRun } from "./executable.ts";
import { NETUID as SUBNET_NETUID, startSubnet } from "./subnet.ts";

const GENESIS = new Uint8Array(32).fill(3);
const NETUID = 5;
const MIB = 2 ** 20;

const folder = mkdtempSync(join(tmpdir(), "btstore-status-"));
let miner: Hotkey;
let [alice, bob]: Hotkey[] = [];

/** A miner with one whole and one empty partition, and a validator with the ledger of a miner that was late once. */
beforeAll(async () => {
  await cryptoReady();
  [miner, alice, bob] = ["//Miner", "//Alice", "//Bob"].map(keypairFromUri) as [Hotkey, Hotkey, Hotkey];
  const store = await openMiner();
  await store.applyPlan([{ validator: alice!.ss58, chunkCount: 2 }]);
  await sealPartitions(store.partitions(), { workersWanted: 1, log: silentLog, signal: new AbortController().signal });
  await store.applyPlan([{ validator: alice!.ss58, chunkCount: 2 }, { validator: bob!.ss58, chunkCount: 3 }]);
  await store.close();
  const ledgers = await openValidator();
  const now = systemClock.now();
  const ledger = ledgers.open(miner.ss58);
  ledger.recordAudit({ at: now - 7_200_000, verdict: { kind: "fail", fault: "link_mismatch", place: null }, elapsedMs: 80, transcript: null });
  ledger.recordAudit({ at: now - 3_600_000, verdict: { kind: "late", elapsedMs: 1500, deadlineMs: 1000 }, elapsedMs: 1500, transcript: null });
  ledger.recordAudit({ at: now - 60_000, verdict: { kind: "pass" }, elapsedMs: 42.4, transcript: null });
  ledger.recordUnitCheck({ at: now, root: new Uint8Array(32), unitIndex: 0, pieceIndex: 0, isMatch: true });
  await ledgers.close();
}, 30_000);
afterAll(() => rmSync(folder, { recursive: true }));

function openMiner(): Promise<Store> {
  return openStore({ dbPath: folder, walletName: "w", hotkeyName: "m", self: miner.ss58, netuid: NETUID, genesisHash: GENESIS });
}

function openValidator() {
  return openLedgers({ folder: join(folder, "w/v"), self: alice!.ss58, netuid: NETUID, genesisHash: GENESIS, windows: windowsFor(12_000) });
}

const status = (...words: string[]) => btstore(["status", "--db_path", folder, ...words]);

describe("btstore status", () => {
  test("shows every hotkey's folder: partitions of a miner, ledgers of a validator, nobody running", async () => {
    const { status: code, stdout, stderr } = await status("--json");
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({
      folders: [
        {
          folder: join(folder, "w/m"), wallet: "w", hotkeyName: "m", freeBytes: expect.any(Number),
          roles: [{
            role: "miner", hotkey: miner.ss58, netuid: NETUID, isRunning: false, pid: null, problems: [], chain: null,
            partitions: [
              { validator: alice!.ss58, sizeBytes: 2 * MIB, sealedBytes: 2 * MIB, declaredBytes: 2 * MIB, state: "whole" },
              { validator: bob!.ss58, sizeBytes: 3 * MIB, sealedBytes: 0, declaredBytes: 0, state: "empty" },
            ],
          }],
        },
        {
          folder: join(folder, "w/v"),
          roles: [{
            role: "validator", hotkey: alice!.ss58, isRunning: false,
            miners: [{
              miner: miner.ss58, audits: { pass: 1, late: 1, fail: 1, offline: 0, unknown: 0 }, lastElapsedMs: 42.4, unitChecks: { matches: 1, mismatches: 0 },
              lastMiss: { kind: "late", fault: null },
            }],
          }],
        },
      ],
    });
  });

  test("as a table says the same of the one hotkey that was named", async () => {
    const { status: code, stdout } = await status("--wallet.name", "w", "--wallet.hotkey", "v");
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`validator ${alice!.ss58} on subnet ${NETUID}: does not run`));
    expect(stdout).toMatch(new RegExp(`^${miner.ss58} +0 B +1 +1 +1 +0 +1/1 +42 ms +late, 1 h ago$`, "m"));
    expect(stdout).not.toContain("w/m");
  });

  test("names the processes that hold the folders, reads beside them, and leaves every file as it is", async () => {
    const [store, ledgers] = [await openMiner(), await openValidator()];
    try {
      const names = () => readdirSync(folder, { recursive: true }).map(String).filter((name) => !name.endsWith("-shm") && !name.endsWith("-wal")).sort();
      const before = names();
      const { folders } = JSON.parse((await status("--json")).stdout) as { folders: { roles: object[] }[] };
      expect(folders.flatMap(({ roles }) => roles)).toMatchObject([{ isRunning: true, pid: process.pid }, { isRunning: true, pid: process.pid }]);
      expect(names()).toEqual(before);
    } finally {
      await ledgers.close();
      await store.close();
    }
  });

  test("says what cannot be read, and of an empty place that it is empty", async () => {
    const other = mkdtempSync(join(folder, "other-"));
    try {
      expect(JSON.parse((await btstore(["status", "--db_path", other, "--json"])).stdout)).toMatchObject({ folders: [] });
      const store = await openStore({ dbPath: other, walletName: "w", hotkeyName: "h", self: miner.ss58, netuid: NETUID, genesisHash: GENESIS });
      await store.applyPlan([{ validator: bob!.ss58, chunkCount: 1 }]);
      await store.close();
      writeFileSync(join(other, "w/h", `hashes-${bob!.ss58}`), "not a database");
      const { stdout } = await btstore(["status", "--db_path", other]);
      expect(stdout).toMatch(new RegExp(`^${bob!.ss58}: .*hashes-`, "m"));
      cpSync(join(folder, "w/m"), join(other, "w/whole"), { recursive: true });
      writeFileSync(join(other, "w/h/partition.json"), "{");
      const { folders } = JSON.parse((await btstore(["status", "--db_path", other, "--json"])).stdout) as { folders: object[] };
      expect(folders).toMatchObject([{ hotkeyName: "h", problem: expect.stringContaining("partition.json") }, { hotkeyName: "whole", problem: null, roles: [{ problems: [] }] }]);
    } finally {
      rmSync(other, { recursive: true });
    }
  });

  test("--chain adds where the hotkey stands; a chain that the partitions are not of says nothing about them", async () => {
    const subnet = await startSubnet();
    try {
      const { genesisHash, close } = await connectChain({ endpoints: [subnet.chain.url], log: silentLog });
      await close();
      const open = (hotkeyName: string, chainHash: Uint8Array) => openStore({ dbPath: subnet.folder, walletName: "w", hotkeyName, self: subnet.miner, netuid: SUBNET_NETUID, genesisHash: chainHash });
      for (const [name, chainHash] of [["here", genesisHash], ["elsewhere", GENESIS]] as const) {
        const store = await open(name, chainHash);
        await store.applyPlan([{ validator: subnet.validator, chunkCount: 1 }]);
        await store.close();
      }
      const words = ["status", "--db_path", subnet.folder, "--subtensor.network", subnet.chain.url];
      const { status: code, stdout, stderr } = await btstore([...words, "--json"]);
      expect(code, stderr).toBe(0);
      const { folders } = JSON.parse(stdout) as { folders: { hotkeyName: string; roles: { chain: object | null }[] }[] };
      const chainOf = (name: string) => folders.find(({ hotkeyName }) => hotkeyName === name)!.roles[0]!.chain;
      expect(chainOf("here")).toMatchObject({ uid: 1, stake: "0", hasPermit: false, block: expect.any(Number) });
      expect(chainOf("elsewhere")).toBeNull();
      const { stdout: table } = await btstore([...words, "--wallet.name", "w", "--wallet.hotkey", "here"]);
      expect(table).toMatch(/does not run; uid 1, incentive 0\.0 %, stake /);
    } finally {
      await subnet.stop();
    }
  }, 30_000);

  test("--watch draws on the terminal until Ctrl-C, which is no failure", async () => {
    const run = new TerminalRun(["status", "--watch", "--db_path", folder]);
    await run.shows("1 h ago\r\n");
    run.type("\x03");
    const { status: code, output } = await run.ended();
    expect(code).toBe(0);
    expect(output).toEndWith("\x1b[?25h");
  });
});
