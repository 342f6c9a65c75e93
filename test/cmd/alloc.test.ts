import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../lib/store/mod.ts";
import { keypairFromUri } from "../../lib/wallet/mod.ts";
import { btstore, cleanEnvironment, type Ended, EXECUTABLE, TerminalRun } from "./executable.ts";
import { NETUID, startSubnet, type Subnet } from "./subnet.ts";

let subnet: Subnet;
/** 2000 TAO beside the validator's 3000. */
let second: string;
/** Answers, but is no chain. The wait for it is long, so it runs beside the other tests. */
const noChain = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("no chain", { status: 404 }) });
let unanswered: Promise<Ended>;
beforeAll(async () => {
  subnet = await startSubnet({ "//Second": 2000n });
  unanswered = btstore(["alloc", ...subnet.words().slice(2), "--subtensor.network", `ws://127.0.0.1:${noChain.port}`, "--no_prompt", "--db_path", dbPath("none")]);
  second = keypairFromUri("//Second").ss58;
});
afterAll(async () => {
  await subnet.stop();
  await noChain.stop(true);
});

const dbPath = (name: string) => join(subnet.folder, name);
const storeDir = (name: string, hotkey = "miner") => join(dbPath(name), "w", hotkey);

/** Runs `alloc` without asking. */
function alloc(name: string, ...words: string[]): Promise<Ended> {
  return btstore(["alloc", ...subnet.words(), "--db_path", dbPath(name), "--no_prompt", ...words]);
}

/** Starts `alloc` and waits until it seals. */
async function startAlloc(name: string, ...words: string[]) {
  const child = Bun.spawn([EXECUTABLE, "alloc", ...subnet.words(), "--db_path", dbPath(name), "--no_prompt", "--logging.debug", ...words], { env: cleanEnvironment(), stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const reader = child.stderr.getReader();
  const decoder = new TextDecoder();
  let stderr = "";
  const readOn = async (isEnough: () => boolean) => {
    while (!isEnough()) {
      const { done, value } = await reader.read();
      if (done) return;
      stderr += decoder.decode(value, { stream: true });
    }
  };
  await readOn(() => stderr.includes("Sealing begins"));
  return {
    child,
    async ended() {
      await readOn(() => false);
      return { status: await child.exited, stderr };
    },
  };
}

describe("btstore alloc", () => {
  test("plans by stake, fills, writes partition.json as documented, and finds nothing left to do", async () => {
    const { status, stdout, stderr } = await alloc("whole", "--size", "10MiB", "--json");
    expect(status, stderr).toBe(0);
    expect(stdout.trimEnd()).not.toContain("\n");
    const facts = JSON.parse(stdout);
    // (3000 + 1) : (2000 + 1) of 10 chunks, rounded down.
    expect(facts).toMatchObject({ netuid: NETUID, hotkey: subnet.miner, folder: storeDir("whole"), budgetBytes: 10 * 2 ** 20, sealedUnits: 2, created: [subnet.validator, second], problems: [] });
    expect(facts.partitions.map(({ validator, chunks, sizeBytes, sealedBytes, sectors }: Record<string, unknown>) => [validator, chunks, sizeBytes, sealedBytes, sectors])).toEqual([
      [subnet.validator, 5, 5 * 2 ** 20, 5 * 2 ** 20, 1],
      [second, 4, 4 * 2 ** 20, 4 * 2 ** 20, 1],
    ]);
    expect(facts.advice.belowCount).toBe(2);
    const entries = JSON.parse(readFileSync(join(storeDir("whole"), "partition.json"), "utf8")) as Record<string, unknown>[];
    expect(entries.map((entry) => Object.keys(entry))).toEqual(Array(2).fill(["path", "owner", "validator", "size", "n_chunks", "seed", "netuid", "chunk_size", "sectors", "seal", "updated_at"]));
    expect(entries[0]).toMatchObject({
      path: storeDir("whole"), owner: subnet.miner, validator: subnet.validator, size: 5 * 2 ** 20, n_chunks: 5, seed: subnet.miner + subnet.validator,
      netuid: NETUID, chunk_size: 2 ** 20, sectors: 1, seal: "btstore1",
    });
    const again = await alloc("whole", "--size", "10MiB");
    expect(again.status).toBe(0);
    expect(again.stdout).toContain("→ stays");
    expect(again.stdout).toContain("Nothing was left to seal: 2 partitions, 9.00 MiB");
    expect(JSON.parse(readFileSync(join(storeDir("whole"), "partition.json"), "utf8"))).toEqual(entries);
  }, 30_000);

  test("shows the plan, asks, and changes nothing when told no", async () => {
    const run = new TerminalRun(["alloc", ...subnet.words(), "--db_path", dbPath("asked"), "--size", "10MiB"]);
    await run.shows("? [y/N] ");
    run.type("n\r");
    const { status, output } = await run.ended();
    expect(status).toBe(130);
    expect(output).toContain("below one full sector (4.00 GiB)");
    expect(output).toMatch(/--threshold 0\.\d+ \(.*\) gives each validator a full sector|this disk is too small/);
    expect(output).toMatch(new RegExp(`${subnet.validator} +3000 τ +60\\.00 % +5 +– +→ 5\\.00 MiB`));
    expect(output).toContain('Allocate 9.00 MiB in 2 partitions at "');
    expect(readdirSync(storeDir("asked")).filter((name) => !name.startsWith("."))).toEqual([]);
  }, 30_000);

  test("goes ahead when told yes, with a bar for each partition and one in all", async () => {
    const run = new TerminalRun(["alloc", ...subnet.words(), "--db_path", dbPath("yes"), "--size", "10MiB"]);
    await run.shows("? [y/N] ");
    run.type("y\r");
    const { status, output } = await run.ended();
    expect(status, output).toBe(0);
    for (const label of [subnet.validator.slice(0, 8), second.slice(0, 8)]) expect(output).toMatch(new RegExp(`${label}… +█+ +100 % .* done`));
    expect(output).toMatch(/all +█+ +100 % {2}9\.00 MiB of 9\.00 MiB {2}done/);
  }, 30_000);

  test("is stopped by Ctrl-C with 130 and a way on, holds the folder meanwhile, and goes on when run again", async () => {
    const size = ["--size", "170MiB", "--workers", "1"];
    const first = await startAlloc("stopped", ...size);
    const other = await alloc("stopped", ...size);
    expect(other.status).toBe(9);
    expect(other.stderr).toContain(`process ${first.child.pid} holds the miner lock`);
    first.child.kill("SIGINT");
    const { status, stderr } = await first.ended();
    expect(status).toBe(130);
    expect(stderr).toMatch(/error Stopped by Ctrl-C: .* are sealed and stay; run the same command again to go on\n/);
    const { status: after, stdout } = await alloc("stopped", ...size, "--json");
    expect(after).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ workers: 1, created: [], resized: [], removed: [] });
    expect(JSON.parse(stdout).partitions.map(({ chunks, sealedBytes }: Record<string, number>) => sealedBytes! / chunks!)).toEqual([2 ** 20, 2 ** 20]);
  }, 60_000);

  test("--restart begins anew, and --force alone is refused", async () => {
    const size = ["--size", "3MiB", "--threshold", "1"];
    expect((await alloc("anew", ...size)).status).toBe(0);
    const data = join(storeDir("anew"), `data-${subnet.validator}`);
    const before = readFileSync(data);
    writeFileSync(data, new Uint8Array(2 ** 20));
    const { status, stdout, stderr } = await alloc("anew", ...size, "--restart");
    expect(status, stderr).toBe(0);
    expect(stdout).toContain("→ begun anew");
    expect(Buffer.compare(readFileSync(data), before)).toBe(0);
    expect(await alloc("anew", "--force")).toMatchObject({ status: 2, stdout: "" });
  }, 30_000);

  test("counts --threshold beside --size only where it is given", async () => {
    const { status, stderr } = await alloc("capped", "--size", "10MiB", "--threshold", "1e-9");
    expect(status).toBe(2);
    expect(stderr).toContain("raise --threshold");
  });

  test("names what is wrong with one partition, fills the others, and ends with its status", async () => {
    expect((await alloc("hurt", "--size", "3MiB", "--threshold", "1")).status).toBe(0);
    writeFileSync(join(storeDir("hurt"), `hashes-${second}`), "this is no database");
    const { status, stdout, stderr } = await alloc("hurt", "--size", "10MiB", "--json");
    expect(status).toBe(10);
    expect(stderr).toContain(`hashes-${second}`);
    const facts = JSON.parse(stdout);
    expect(facts.problems).toMatchObject([{ validator: second, code: "corrupt" }]);
    expect(facts.partitions[0]).toMatchObject({ validator: subnet.validator, sealedBytes: 5 * 2 ** 20 });
  }, 30_000);
});

describe("btstore alloc refuses", () => {
  test("to ask where nobody can answer", async () => {
    const ended = await btstore(["alloc", ...subnet.words(), "--db_path", dbPath("none")]);
    expect(ended).toMatchObject({ status: 2, stdout: "" });
    expect(ended.stderr).toContain("--no_prompt");
    expect(existsSync(dbPath("none"))).toBe(false);
  });

  test("a wallet that is not there", async () => {
    const ended = await btstore(["alloc", "--wallet.path", join(subnet.folder, "wallets"), "--wallet.name", "nobody", "--no_prompt", "--db_path", dbPath("none")]);
    expect(ended).toMatchObject({ status: 3, stdout: "" });
    expect(ended.stderr).toContain("nobody");
  });

  test("a chain that is none", async () => {
    const ended = await btstore(["alloc", ...subnet.words().slice(2), "--subtensor.network", "nonsense", "--no_prompt", "--db_path", dbPath("none")]);
    expect(ended).toMatchObject({ status: 2, stdout: "" });
    expect(ended.stderr).toContain("nonsense");
  });

  test("a hotkey that is not registered", async () => {
    const ended = await btstore(["alloc", ...subnet.words("stranger"), "--no_prompt", "--db_path", dbPath("none")]);
    expect(ended).toMatchObject({ status: 6, stdout: "" });
    expect(ended.stderr).toContain(subnet.stranger);
  });

  test("a folder that cannot be made", async () => {
    writeFileSync(join(subnet.folder, "file"), "");
    const ended = await alloc("file", "--size", "10MiB");
    expect(ended).toMatchObject({ status: 7, stdout: "" });
    expect(ended.stderr).toContain(`Cannot make the folder "${storeDir("file")}"`);
  });

  test("a budget below one chunk, and shares below one", async () => {
    const small = await alloc("small", "--size", "1000KiB");
    expect(small).toMatchObject({ status: 2, stdout: "" });
    expect(small.stderr).toContain("raise --size");
    const shares = await alloc("small", "--size", "1MiB");
    expect(shares).toMatchObject({ status: 2, stdout: "" });
    expect(shares.stderr).toContain("each of 2 validators");
  });

  test("several folders", async () => {
    const ended = await alloc("one", "--db_path", dbPath("two"));
    expect(ended).toMatchObject({ status: 2, stdout: "" });
    expect(ended.stderr).toContain("one --db_path per hotkey");
  });

  test("a subnet that is not there", async () => {
    const ended = await btstore(["alloc", ...subnet.words().map((word) => (word === String(NETUID) ? "99" : word)), "--no_prompt", "--db_path", dbPath("none")]);
    expect(ended).toMatchObject({ status: 5, stdout: "" });
  });

  test("a folder that a store of ours holds", async () => {
    const store = await openStore({ dbPath: dbPath("held"), walletName: "w", hotkeyName: "miner", self: subnet.miner, netuid: NETUID, genesisHash: new Uint8Array(32) });
    try {
      expect(await alloc("held", "--size", "10MiB")).toMatchObject({ status: 9, stdout: "" });
    } finally {
      await store.close();
    }
  });
});

describe("btstore alloc on a disk that fills up", () => {
  const canMount = Bun.spawnSync(["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { stdout: "ignore", stderr: "ignore" }).success;

  test.skipIf(!canMount)("stops clean, says how to go on, and goes on once there is space", async () => {
    const disk = join(subnet.folder, "disk");
    mkdirSync(disk);
    const words = ["alloc", ...subnet.words(), "--db_path", join(disk, "db"), "--size", "120MiB", "--no_prompt", "--logging.debug", "--json"];
    // A disk of its own in a mount namespace of its own; ballast comes once the plan is made and sealing begins.
    const script = `
      mount -t tmpfs -o size=260m tmpfs "$DISK" || exit 99
      "$@" 2>"$LOG" >/dev/null & run=$!
      until grep -q "Sealing begins" "$LOG"; do kill -0 $run || break; done
      head -c 240M /dev/zero >"$DISK/ballast" 2>/dev/null
      wait $run; echo "first $?"
      rm "$DISK/ballast"
      "$@" 2>/dev/null >/dev/null; echo "again $?"
      "$1" verify --db_path "$DISK/db" --wallet.name w --wallet.hotkey miner >/dev/null 2>&1; echo "verify $?"`;
    const log = join(subnet.folder, "disk.log");
    const child = Bun.spawn(["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", EXECUTABLE, ...words], { env: cleanEnvironment({ DISK: disk, LOG: log }), stdout: "pipe", stderr: "inherit" });
    const said = await new Response(child.stdout).text();
    expect(said, readFileSync(log, "utf8")).toBe("first 8\nagain 0\nverify 0\n");
    expect(readFileSync(log, "utf8")).toMatch(/the disk is full, .* are sealed and stay; .*run the same command again/);
  }, 60_000);
});

describe("btstore alloc --validator", () => {
  test("makes one hashes file per miner and partition.json, and lists who does not declare", async () => {
    const words = ["alloc", "--validator", ...subnet.words("validator"), "--db_path", dbPath("auditor")];
    const { status, stdout, stderr } = await btstore([...words, "--json"]);
    expect(status, stderr).toBe(0);
    const facts = JSON.parse(stdout);
    expect(facts).toMatchObject({ netuid: NETUID, hotkey: subnet.validator, miners: [{ uid: 1, hotkey: subnet.miner, declaredBytes: 0, serial: null, fault: "serves no axon" }] });
    const dir = storeDir("auditor", "validator");
    expect(readdirSync(dir).filter((name) => !name.startsWith(".")).sort()).toEqual([`hashes-${subnet.miner}`, "partition.json"]);
    const [entry] = JSON.parse(readFileSync(join(dir, "partition.json"), "utf8"));
    expect(entry).toMatchObject({ path: dir, owner: subnet.miner, validator: subnet.validator, size: 0, n_chunks: 0, seed: subnet.miner + subnet.validator, netuid: NETUID });
    const again = await btstore(words);
    expect(again.status).toBe(0);
    expect(again.stdout).toContain("1 miner, 0 answered, 1 did not");
    expect(await btstore([...words, "--restart"])).toMatchObject({ status: 2, stdout: "" });
  }, 30_000);
});

describe("btstore alloc without a chain", () => {
  test("waits, then ends with what it saw last and what to check", async () => {
    const ended = await unanswered;
    expect(ended).toMatchObject({ status: 4, stdout: "" });
    expect(ended.stderr).toContain("Check --subtensor.network");
    expect(existsSync(dbPath("none"))).toBe(false);
  }, 60_000);
});
