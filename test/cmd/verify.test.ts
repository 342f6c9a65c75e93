import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  answerHops, answerOpenings, declarationDigest, declarationMessage, drawPicks, encodeDeclaration, encodeHopAnswer, encodeOpenings, encodeTranscript, type Transcript, walkHops,
} from "../../lib/audit/mod.ts";
import { SEAL_PROFILE, silentLog, type Ss58, STRIPE_BYTES } from "../../lib/core/mod.ts";
import { sealPartitions } from "../../lib/miner/mod.ts";
import { pieceTree, saltedTree } from "../../lib/native/mod.ts";
import { openStore, type Partition, type Store } from "../../lib/store/mod.ts";
import { cryptoReady, type Hotkey, keypairFromUri } from "../../lib/wallet/mod.ts";
import { btstore, type Ended } from "./executable.ts";

const GENESIS = new Uint8Array(32).fill(3);
const NETUID = 5;
/** One unit of two chunks, and two units of 32: the smallest of each shape. */
const CHUNKS = [2, 2 * SEAL_PROFILE.chunksPerUnit];

const folder = mkdtempSync(join(tmpdir(), "btstore-verify-"));
let miner: Hotkey;
let validators: [Ss58, Ss58];
/** Of an audit that passed. */
let transcript: Transcript;

/** One sealed folder for all tests; those that change it take a copy. */
beforeAll(async () => {
  await cryptoReady();
  miner = keypairFromUri("//Miner");
  validators = [keypairFromUri("//Alice").ss58, keypairFromUri("//Bob").ss58];
  const store = await openSealed("sealed");
  await store.applyPlan(validators.map((validator, i) => ({ validator, chunkCount: CHUNKS[i]! })));
  await sealPartitions(store.partitions(), { workersWanted: 2, log: silentLog, signal: new AbortController().signal });
  transcript = await audit(store.partition(validators[1])!);
  await store.close();
}, 30_000);
afterAll(() => rmSync(folder, { recursive: true }));

function openSealed(name: string): Promise<Store> {
  return openStore({ dbPath: join(folder, name), walletName: "w", hotkeyName: "h", self: miner.ss58, netuid: NETUID, genesisHash: GENESIS });
}

/** An honest audit of a partition. */
async function audit(partition: Partition): Promise<Transcript> {
  const { unitCount, chunksPerUnit, roots, stripeCount } = partition.declared();
  const bytes = encodeDeclaration({ netuid: NETUID, genesisHash: GENESIS, miner: miner.ss58, validator: partition.validator, serial: 1, unitCount, chunksPerUnit, roots });
  const request = { nonce: new Uint8Array(32).fill(9), digest: declarationDigest(bytes) };
  const hashes = { saltedTree, pieceTree };
  const hopAnswer = await answerHops(partition, hashes, request);
  const picks = drawPicks((length) => new Uint8Array(length).fill(77), walkHops(request.nonce, request.digest, hopAnswer.links, stripeCount));
  const openings = await answerOpenings(partition, hashes, { ...request, picks });
  return {
    at: 1_700_000_000_000, declaration: { bytes, signature: miner.sign(declarationMessage(bytes)) }, nonce: request.nonce, hopAnswer: encodeHopAnswer(hopAnswer),
    elapsedMs: 20, deadlineMs: 1000, picks, openings: encodeOpenings(openings), verdict: { kind: "pass" },
  };
}

/** A copy of the sealed folder; `change` gets its store folder. */
function copy(name: string, change: (dir: string) => void): string {
  cpSync(join(folder, "sealed"), join(folder, name), { recursive: true });
  change(join(folder, name, "w/h"));
  return name;
}

function flip(path: string, offset: number): void {
  const bytes = readFileSync(path);
  bytes[offset]! ^= 0x10;
  writeFileSync(path, bytes);
}

function verify(name: string, ...words: string[]): Promise<Ended> {
  return btstore(["verify", "--db_path", join(folder, name), "--wallet.name", "w", "--wallet.hotkey", "h", ...words]);
}

describe("btstore verify", () => {
  test("finds everything in order, changes nothing, and needs neither wallet nor chain", async () => {
    const before = readdirSync(join(folder, "sealed/w/h"));
    const { status, stdout, stderr } = await verify("sealed", "--json");
    expect(status, stderr).toBe(0);
    const bytes = CHUNKS.map((count) => count * 2 ** 20);
    expect(JSON.parse(stdout)).toMatchObject({
      checkedBytes: bytes[0]! + bytes[1]!, damageCount: 0, problems: [],
      partitions: [{ validator: validators[0], sizeBytes: bytes[0], sealedBytes: bytes[0] }, { validator: validators[1], sizeBytes: bytes[1], sealedBytes: bytes[1] }],
    });
    expect(readdirSync(join(folder, "sealed/w/h")).filter((name) => !/-(wal|shm)$/.test(name))).toEqual(before);
    expect((await verify("sealed")).stdout).toContain("All 66.0 MiB that are sealed match their hashes");
  });

  test("names the place of one flipped bit, and --repair mends exactly that", async () => {
    const offset = 41 * STRIPE_BYTES + 4321;
    const data = `data-${validators[1]}`;
    const name = copy("flipped", (dir) => flip(join(dir, data), offset));
    const found = await verify(name, "--json");
    expect(found.status).toBe(10);
    expect(found.stderr).toContain("btstore verify --repair");
    const damage = { kind: "stripe", sectorIndex: 0, stripeIndex: 41, chunkIndex: 10, bytes: { from: 41 * STRIPE_BYTES, to: 42 * STRIPE_BYTES } };
    expect(JSON.parse(found.stdout)).toMatchObject({ damageCount: 1, repairedCount: 0 });
    expect(JSON.parse(found.stdout).partitions[1]).toMatchObject({ validator: validators[1], damages: [{ ...damage, isRepaired: false, place: `chunk 10 (stripe 41), bytes ${41 * STRIPE_BYTES} to ${42 * STRIPE_BYTES - 1}` }] });

    const mended = await verify(name, "--repair");
    expect(mended.status, mended.stderr).toBe(0);
    expect(mended.stdout).toContain(`${validators[1]}: chunk 10 (stripe 41), byte ${offset}: repaired`);
    const path = (root: string) => join(folder, root, "w/h", data);
    expect(Buffer.compare(readFileSync(path(name)), readFileSync(path("sealed")))).toBe(0);
    expect((await verify(name)).status).toBe(0);
  }, 30_000);

  test("seals again what --repair has to withdraw, and leaves other partitions as they were", async () => {
    const name = copy("roots", () => {});
    const store = await openSealed(name);
    const partition = store.partition(validators[0])!;
    // Another unit's bytes under damaged roots: neither roots nor unit are vouched for.
    const { groupRoots, stripeRoots } = { groupRoots: partition.records.groupRoots(0)!, stripeRoots: partition.records.stripeRoots(0, 0)! };
    partition.records.addSector(0, 1, { root: new Uint8Array(32), groupRoots, stripeRoots: [stripeRoots] });
    await store.close();
    flip(join(folder, name, "w/h", `data-${validators[0]}`), 5);
    expect((await verify(name)).status).toBe(10);
    const { status, stdout, stderr } = await verify(name, "--repair", "--json");
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ damageCount: 1, repairedCount: 1 });
    const path = (root: string) => join(folder, root, "w/h", `data-${validators[0]}`);
    expect(Buffer.compare(readFileSync(path(name)), readFileSync(path("sealed")))).toBe(0);
    expect((await verify(name)).status).toBe(0);
  }, 30_000);

  test("checks the others where one partition cannot be opened", async () => {
    const name = copy("short", (dir) => truncateSync(join(dir, `data-${validators[0]}`), 1000));
    const { status, stdout } = await verify(name, "--json");
    expect(status).toBe(10);
    const facts = JSON.parse(stdout);
    expect(facts.problems).toMatchObject([{ validator: validators[0], code: "corrupt" }]);
    expect(facts.partitions).toMatchObject([{ validator: validators[1], damageCount: 0 }]);
  });

  test("reads beside a process that holds the folder; --repair is refused with its pid", async () => {
    const store = await openSealed("sealed");
    try {
      expect((await verify("sealed")).status).toBe(0);
      const refused = await verify("sealed", "--repair");
      expect(refused.status).toBe(9);
      expect(refused.stderr).toContain(`process ${process.pid} holds the miner lock`);
    } finally {
      await store.close();
    }
  });

  test("refuses a folder without partitions", async () => {
    const ended = await verify("nowhere");
    expect(ended).toMatchObject({ status: 2, stdout: "" });
    expect(ended.stderr).toContain("btstore alloc");
    expect(readdirSync(folder)).not.toContain("nowhere");
  });
});

describe("btstore verify --audit", () => {
  function written(name: string, text: string): string {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  }

  test("says what an honest transcript proves", async () => {
    const path = written("honest.json", encodeTranscript(transcript));
    const { status, stdout, stderr } = await btstore(["verify", "--audit", path]);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain(`Miner        ${miner.ss58}`);
    expect(stdout).toContain("It proves that whoever answered had the declared bytes at all 16 places");
    const { stdout: json } = await btstore(["verify", "--audit", path, "--json"]);
    expect(JSON.parse(json)).toMatchObject({ miner: miner.ss58, validator: validators[1], netuid: NETUID, declaredBytes: CHUNKS[1]! * 2 ** 20, isSigned: true, agrees: true, verdict: { kind: "pass" } });
  });

  test("does not believe a verdict that does not follow, nor a declaration that is not signed", async () => {
    const openings = transcript.openings!.slice();
    openings[openings.length - 1]! ^= 1;
    const forged = await btstore(["verify", "--audit", written("forged.json", encodeTranscript({ ...transcript, openings }))]);
    expect(forged.status).toBe(10);
    expect(forged.stdout).toContain("It proves nothing");
    const signature = new Uint8Array(64);
    const unsigned = await btstore(["verify", "--audit", written("unsigned.json", encodeTranscript({ ...transcript, declaration: { ...transcript.declaration, signature } }))]);
    expect(unsigned.status).toBe(10);
    expect(unsigned.stdout).toContain("NOT signed");
  });

  test("refuses what is no transcript, and a file that is not there", async () => {
    expect(await btstore(["verify", "--audit", written("none.json", "{}")])).toMatchObject({ status: 2, stdout: "" });
    expect(await btstore(["verify", "--audit", join(folder, "missing")])).toMatchObject({ status: 7, stdout: "" });
  });
});
