import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type HopAnswer, decodeHopAnswer, decodeOpenings, decodeSignedDeclaration, drawPicks, encodeHopRequest, encodeNotice, encodeOpeningRequest, openDeclaration, verifyAudit, walkHops,
} from "../../lib/audit/mod.ts";
import { Declarations } from "../../lib/miner/declarations.ts";
import { type Answering, AuditService, type Served } from "../../lib/miner/service.ts";
import { verifySignature } from "../../lib/wallet/mod.ts";
import { Refusal, type SynapseName } from "../../lib/wire/mod.ts";
import { SeededRandom, seeds } from "../reference/random.ts";
import { GENESIS, MINUTE_MS, MemoryPartition, NETUID, TestClock, WINDOWS, honest, key, recordingLog, settled } from "./fixture.ts";

const miner = key("Miner");
const validator = key("Validator").ss58;
const other = key("Other").ss58;

function setUp(answering: Answering = honest) {
  const clock = new TestClock();
  const { log, said } = recordingLog();
  const partition = new MemoryPartition(miner.ss58, validator);
  const declarations = new Declarations(partition, miner, { netuid: NETUID, genesisHash: GENESIS }, clock, WINDOWS);
  const writing: { paused: boolean; atMs: number }[] = [];
  const writers = { pause: () => void writing.push({ paused: true, atMs: clock.monotonic() }), resume: () => void writing.push({ paused: false, atMs: clock.monotonic() }) };
  const served: Served = { declarations, source: partition.source };
  const service = new AuditService({ partitionOf: (caller) => (caller === validator ? served : null), answering, writers, clock, windows: WINDOWS, log });
  /** The answer's bytes, or the refusal's name. */
  const ask = async (name: SynapseName, body: Uint8Array, caller = validator) => {
    const answer = await service.routes[name](caller, body);
    return answer instanceof Refusal ? answer.name : answer;
  };
  return { clock, said, partition, declarations, service, writing, ask };
}

const EMPTY = new Uint8Array(0);

/** Asks for the declaration and reads it as a validator does. */
async function declared(ask: ReturnType<typeof setUp>["ask"]) {
  const signed = decodeSignedDeclaration((await ask("Declaration", EMPTY)) as Uint8Array)!;
  const opened = openDeclaration(signed, { netuid: NETUID, genesisHash: GENESIS, miner: miner.ss58, validator }, verifySignature);
  if (opened.kind !== "ok") throw new Error(opened.fault);
  return { declaration: opened.declaration, digest: new Uint8Array(new Bun.CryptoHasher("sha256").update(signed.bytes).digest()) };
}

describe("AuditService.routes", () => {
  test("Ping answers the protocol's version", async () => {
    expect(await setUp().ask("Ping", EMPTY)).toEqual(new Uint8Array([1, 0]));
  });

  test("Hops and Openings answer what verifyAudit() passes, under the declaration they were given", async () => {
    for (const seed of seeds(3)) {
      const random = new SeededRandom(seed);
      const { ask, service } = setUp();
      const { declaration, digest } = await declared(ask);
      const nonce = random.bytes(32);
      const hopAnswer = decodeHopAnswer((await ask("Hops", encodeHopRequest({ nonce, digest }))) as Uint8Array)!;
      const picks = drawPicks((length) => random.bytes(length), walkHops(nonce, digest, hopAnswer.links, 4));
      const request = encodeOpeningRequest({ nonce, digest, picks });
      const body = (await ask("Openings", request)) as Uint8Array;
      expect(verifyAudit({ declaration, digest, nonce, hopAnswer, picks, openings: decodeOpenings(body) }).verdict, `seed ${seed}`).toEqual({ kind: "pass" });
      expect(await ask("Openings", request), `seed ${seed}`).toEqual(body);
      expect(service.counts).toEqual({ hops: 1, openings: 2, refused: 0, notices: 0 });
    }
  });

  test("an audit is answered under the declaration before, while that is still known", async () => {
    const { ask, partition, clock } = setUp();
    const { digest } = await declared(ask);
    partition.shown = { ...partition.shown, roots: [new Uint8Array(32)] };
    await clock.advance(10 * MINUTE_MS);
    expect((await declared(ask)).digest).not.toEqual(digest);
    expect(await ask("Hops", encodeHopRequest({ nonce: new Uint8Array(32), digest }))).toBeInstanceOf(Uint8Array);
    await clock.advance(20 * MINUTE_MS + 1);
    expect(await ask("Hops", encodeHopRequest({ nonce: new Uint8Array(32), digest }))).toBe("Unknown");
  });

  test("malformed messages are refused before anything is looked up", async () => {
    const { ask, service } = setUp();
    for (const length of [0, 1, 63, 65]) expect(await ask("Hops", new Uint8Array(length)), `${length} bytes`).toBe("MalformedMessage");
    for (const length of [0, 64, 79, 81]) expect(await ask("Openings", new Uint8Array(length)), `${length} bytes`).toBe("MalformedMessage");
    expect(await ask("Openings", new Uint8Array(80).fill(128))).toBe("MalformedMessage");
    for (const length of [0, 39, 41]) expect(await ask("Notice", new Uint8Array(length)), `${length} bytes`).toBe("MalformedMessage");
    expect(service.counts).toEqual({ hops: 0, openings: 0, refused: 12, notices: 0 });
  });

  test("another digest, and a validator without a partition, are refused as unknown", async () => {
    const { ask, service } = setUp();
    const { digest } = await declared(ask);
    const nonce = new Uint8Array(32);
    const wrong = digest.with(31, digest[31]! ^ 1);
    const picks = new Array<number>(16).fill(0);
    for (const [named, caller] of [[wrong, validator], [digest, other]] as const) {
      expect(await ask("Hops", encodeHopRequest({ nonce, digest: named }), caller)).toBe("Unknown");
      expect(await ask("Openings", encodeOpeningRequest({ nonce, digest: named, picks }), caller)).toBe("Unknown");
    }
    expect(await ask("Declaration", EMPTY, other)).toBe("Unknown");
    expect(service.counts).toMatchObject({ hops: 0, openings: 0, refused: 4 });
  });

  test("Declaration is unknown before anything is sealed; one of nothing is given, but not audited", async () => {
    const { ask, partition, clock } = setUp();
    const nothing = { unitCount: 0, chunksPerUnit: 32, roots: [] };
    const { shown } = partition;
    partition.shown = nothing;
    expect(await ask("Declaration", EMPTY)).toBe("Unknown");
    partition.shown = shown;
    await declared(ask);
    partition.shown = nothing;
    await clock.advance(10 * MINUTE_MS);
    const { declaration, digest } = await declared(ask);
    expect(declaration.unitCount).toBe(0);
    expect(await ask("Hops", encodeHopRequest({ nonce: new Uint8Array(32), digest }))).toBe("Unknown");
  });

  test("Notice is told in hex and numbers, with the command that helps", async () => {
    const { ask, said, service } = setUp();
    const { declaration } = await declared(ask);
    const root = declaration.roots[0]!;
    expect(await ask("Notice", encodeNotice({ root, unitIndex: 0, pieceIndex: 9 }))).toEqual(EMPTY);
    expect(service.counts.notices).toBe(1);
    expect(said).toEqual([{ level: "error", message: expect.stringContaining("btstore verify --repair"), fields: { validator, sectorRoot: Buffer.from(root).toString("hex"), unit: 0, piece: 9 } }]);
  });

  test("Notice of what was never declared is refused and not told", async () => {
    const { ask, said, service } = setUp();
    const { declaration } = await declared(ask);
    const forged = new TextEncoder().encode("\u001b[2J forged line\n; rm -rf / #12345").slice(0, 32);
    for (const notice of [{ root: forged, unitIndex: 0 }, { root: declaration.roots[0]!, unitIndex: declaration.unitCount }]) {
      expect(await ask("Notice", encodeNotice({ ...notice, pieceIndex: 9 }))).toBe("Unknown");
    }
    expect([service.counts.notices, said.length]).toEqual([0, 0]);
  });
});

describe("AuditService.rateOf()", () => {
  test("is four times the due rate of what is declared, twenty at once, for audits only", async () => {
    const { ask, service } = setUp();
    await declared(ask);
    for (const name of ["Hops", "Openings"] as const) {
      expect(service.rateOf(validator, name)!.perSecond).toBeCloseTo(4 / 300, 12);
      expect(service.rateOf(validator, name)!.burst).toBe(20);
      expect(service.rateOf(other, name)).toBeUndefined();
    }
    for (const name of ["Ping", "Declaration", "Notice"] as const) expect(service.rateOf(validator, name)).toBeUndefined();
  });

  test("grows with the declaration beyond one TiB", () => {
    const declarations = { byteCount: 10 * 2 ** 40 } as Declarations;
    const large = new AuditService({
      partitionOf: () => ({ declarations, source: new MemoryPartition(miner.ss58, validator).source }),
      answering: honest, writers: { pause() {}, resume() {} }, clock: new TestClock(), windows: WINDOWS, log: recordingLog().log,
    });
    expect(large.rateOf(validator, "Hops")!.perSecond).toBeCloseTo(10 * (4 / 300), 12);
  });
});

/** Hop answers that come when they are let. */
function heldAnswers() {
  const waiting: { resolve: (answer: HopAnswer) => void; reject: (error: Error) => void }[] = [];
  const answer: HopAnswer = { links: new Array(16).fill(new Uint8Array(32)), roots: new Array(16).fill(new Uint8Array(32)) };
  const answering: Answering = { ...honest, hops: () => new Promise((resolve, reject) => void waiting.push({ resolve, reject })) };
  return { waiting, answering, finish: (index = 0) => waiting.splice(index, 1)[0]!.resolve(answer), fail: () => waiting.shift()!.reject(new Error("The disk is gone")) };
}

describe("the writers' pause", () => {
  async function begun() {
    const held = heldAnswers();
    const made = setUp(held.answering);
    const { digest } = await declared(made.ask);
    let nonces = 0;
    const audit = () => {
      const nonce = new Uint8Array(32);
      new DataView(nonce.buffer).setUint32(0, nonces++);
      const answered = made.ask("Hops", encodeHopRequest({ nonce, digest }));
      answered.catch(() => {});
      return answered;
    };
    return { ...made, ...held, audit, pauses: () => made.writing.map(({ paused, atMs }) => [paused, atMs]) };
  }

  test("begins with the hops and ends with their answer", async () => {
    const { audit, clock, finish, pauses } = await begun();
    const answered = audit();
    await clock.advance(700);
    expect(pauses()).toEqual([[true, 0]]);
    finish();
    await answered;
    expect(pauses()).toEqual([[true, 0], [false, 700]]);
  });

  test("lasts from the first to the last of overlapping audits", async () => {
    const { audit, clock, finish, pauses } = await begun();
    const both = [audit(), audit()];
    await clock.advance(300);
    finish();
    await settled();
    expect(pauses()).toEqual([[true, 0]]);
    await clock.advance(300);
    finish();
    await Promise.all(both);
    expect(pauses()).toEqual([[true, 0], [false, 600]]);
  });

  test("ends when the answer fails", async () => {
    const { audit, clock, fail, pauses } = await begun();
    const answered = audit();
    await clock.advance(5);
    fail();
    await expect(answered).rejects.toThrow("The disk is gone");
    expect(pauses()).toEqual([[true, 0], [false, 5]]);
  });

  test("ends after fifteen seconds of a minute, whatever is in flight, and comes again in the next minute", async () => {
    const { audit, clock, finish, pauses } = await begun();
    audit();
    await clock.advance(20_000);
    audit();
    await clock.advance(39_999);
    audit();
    await settled();
    expect(pauses()).toEqual([[true, 0], [false, 15_000]]);
    await clock.advance(1);
    audit();
    expect(pauses().slice(2)).toEqual([[true, 60_000]]);
    for (let i = 0; i < 4; i++) finish();
    await settled();
    expect(pauses().slice(2)).toEqual([[true, 60_000], [false, 60_000]]);
  });

  test("takes at most a quarter of any minute, over any audits, and every pause has its end", async () => {
    const steps = fc.array(fc.record({ waitMs: fc.integer({ min: 0, max: 20_000 }), begins: fc.boolean(), which: fc.nat() }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        const { audit, clock, finish, waiting, writing } = await begun();
        for (const { waitMs, begins, which } of history) {
          await clock.advance(waitMs);
          if (begins) audit();
          else if (waiting.length > 0) finish(which % waiting.length);
          await settled();
        }
        while (waiting.length > 0) finish();
        await settled();
        expect(writing.map(({ paused }) => paused)).toEqual(writing.map((_, i) => i % 2 === 0));
        expect(writing.length % 2).toBe(0);
        const spans = Array.from({ length: writing.length / 2 }, (_, i) => [writing[2 * i]!.atMs, writing[2 * i + 1]!.atMs] as const);
        for (const startMs of spans.flatMap(([from, to]) => [from, to - 60_000])) {
          const pausedMs = spans.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(to, startMs + 60_000) - Math.max(from, startMs)), 0);
          expect(pausedMs).toBeLessThanOrEqual(15_000);
        }
      }),
      { numRuns: 60 },
    );
  });
});
