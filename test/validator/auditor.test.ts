import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  type Declaration, type Ledger, type Verdict, declarationMessage, decodeDeclaration, decodeNotice, decodeTranscript, encodeDeclaration, encodeSignedDeclaration, scoreNetwork, verifyTranscript,
} from "../../lib/audit/mod.ts";
import { BtstoreError, systemClock } from "../../lib/core/mod.ts";
import { Declarations } from "../../lib/miner/declarations.ts";
import { Auditor, type AuditorOptions } from "../../lib/validator/auditor.ts";
import { type Hotkey, verifySignature } from "../../lib/wallet/mod.ts";
import { Dendrite, type Outcome, Refusal, type SynapseHandler } from "../../lib/wire/mod.ts";
import { fakeUnit } from "../audit/partition.ts";
import { MINUTE_MS, MemoryPartition, NETUID, TestClock, WINDOWS, dendriteClock, key, recordingLog, startLightMiner, until } from "../miner/fixture.ts";
import { computeFakeUnit, confirmFakeTag, deadAddress, peerOf, serveSocket, unsigned } from "./fixture.ts";

setDefaultTimeout(30_000);

const validator = key("Validator");
const bob = key("Bob");
const GENESIS = new Uint8Array(32).fill(9);
const HOUR_MS = WINDOWS.hourMs;
const never = new AbortController().signal;

let dendrite: Dendrite;
beforeAll(() => void (dendrite = new Dendrite({ hotkey: validator, clock: dendriteClock })));
afterAll(() => dendrite.close());

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

function setUp(miner: { unitOf?: typeof fakeUnit; routes?: Partial<Record<"Declaration" | "Hops" | "Openings" | "Notice", SynapseHandler>>; genesisHash?: Uint8Array } = {}, changed: Partial<AuditorOptions> = {}) {
  const clock = new TestClock();
  const { log, said } = recordingLog();
  const light = startLightMiner(bob, validator.ss58, miner.genesisHash ?? GENESIS, miner);
  open.push(light);
  const peer = peerOf(light, clock);
  const auditor = new Auditor({
    hotkey: validator, netuid: NETUID, genesisHash: GENESIS, dendrite, computeUnit: computeFakeUnit, confirmTag: confirmFakeTag, clock, windows: WINDOWS, log,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)), isNetworkAlive: () => true, ...changed,
  });
  /** Audits once to the end; repeats what our own worker was too slow for. */
  const audit = async () => {
    for (;;) {
      const { again, booked } = await auditor.audit(peer, never);
      await booked;
      if (!again) return;
    }
  };
  return { clock, said, light, peer, auditor, audit };
}

/** All that was booked, without what our own machine was too slow for, newest first; each transcript must bear out its verdict. */
function booked(ledger: Ledger): Verdict[] {
  return ledger.transcripts().map(({ text }) => {
    const transcript = decodeTranscript(text)!;
    expect(verifyTranscript(transcript, verifySignature), JSON.stringify(transcript.verdict)).toMatchObject({ isSigned: true, agrees: true });
    return transcript.verdict;
  }).filter(({ kind }) => kind !== "unknown");
}

const scoreOf = (ledger: Ledger, clock: TestClock) => scoreNetwork(new Map([["bob", ledger.history(clock.now())]]), WINDOWS, clock.now()).get("bob")!;

describe("Auditor.ping()", () => {
  test("measures the round trip that the deadline allows, and knows who answers", async () => {
    const { auditor, peer, clock } = setUp();
    await clock.advance(1234);
    expect([peer.deadlineMs, peer.answeredAtMs]).toEqual([1000, null]);
    await auditor.ping(peer, never);
    expect(peer.deadlineMs).toBeGreaterThan(1000);
    expect(peer.deadlineMs).toBeLessThanOrEqual(1400);
    expect(peer.answeredAtMs).toBe(1234);
  });

  test("an unanswered one buys no time", async () => {
    const { auditor, peer } = setUp();
    peer.address = await deadAddress(bob);
    await auditor.ping(peer, never);
    expect([peer.deadlineMs, peer.answeredAtMs]).toEqual([1000, null]);
  });
});

describe("Auditor.collect()", () => {
  test("takes a declaration, once", async () => {
    const { auditor, peer, light, said } = setUp();
    await auditor.collect(peer, never);
    await auditor.collect(peer, never);
    expect(peer.standing!.declaration.roots).toEqual(light.partition.shown.roots as Uint8Array[]);
    expect(peer.declaredBytes).toBe(2 ** 20);
    expect(said.map(({ message }) => message)).toEqual(["A miner declares its space"]);
  });

  function signed(changed: Partial<Declaration>, signer: Hotkey = bob): Uint8Array {
    const { shown } = new MemoryPartition(bob.ss58, validator.ss58);
    const bytes = encodeDeclaration({ netuid: NETUID, genesisHash: GENESIS, miner: bob.ss58, validator: validator.ss58, serial: 5, ...shown, ...changed });
    return encodeSignedDeclaration({ bytes, signature: signer.sign(declarationMessage(bytes)) });
  }

  test("takes none with a fault, names the fault and nothing that the peer wrote", async () => {
    const faults: [fault: string, body: Uint8Array][] = [
      ["malformed", new TextEncoder().encode("forged line ".repeat(40))],
      ["malformed", new Uint8Array(0)],
      ["malformed", signed({}).slice(0, -1)],
      ["other_network", signed({ genesisHash: new Uint8Array(32) })],
      ["other_network", signed({ netuid: NETUID + 1 })],
      ["other_miner", signed({ miner: key("Eve").ss58 })],
      ["other_validator", signed({ validator: key("Eve").ss58 })],
      ["bad_signature", signed({}, key("Eve"))],
      ["bad_signature", signed({}).map((byte, i, all) => (i === all.length - 1 ? byte ^ 1 : byte))],
    ];
    for (const [fault, body] of faults) {
      const { auditor, peer, said } = setUp({ routes: { Declaration: async () => body } });
      await auditor.collect(peer, never);
      expect(said, fault).toEqual([{ level: "warn", message: "A declaration is not taken", fields: { miner: bob.ss58, reason: fault } }]);
      expect(peer.standing, fault).toBeNull();
    }
  });

  test("holds the miner to serial, to its first text, and to ten minutes", async () => {
    let body = signed({ serial: 5 });
    const { auditor, peer, said, clock } = setUp({ routes: { Declaration: async () => body } });
    const offer = async (next: Uint8Array) => {
      body = next;
      await auditor.collect(peer, never);
      return said.at(-1)!.fields["reason"] ?? "accepted";
    };
    const otherRoots = { roots: [new Uint8Array(32)] };
    expect(await offer(signed({ serial: 5 }))).toBe("accepted");
    expect(await offer(signed({ serial: 5, ...otherRoots }))).toBe("conflicting");
    expect(await offer(signed({ serial: 4 }))).toBe("stale_serial");
    await clock.advance(10 * MINUTE_MS - 1);
    expect(await offer(signed({ serial: 6, ...otherRoots }))).toBe("too_soon");
    expect(peer.standing!.declaration.serial).toBe(5);
    await clock.advance(1);
    expect(await offer(signed({ serial: 6, ...otherRoots }))).toBe("accepted");
    expect(peer.standing!.declaration).toMatchObject({ serial: 6, ...otherRoots });
  });
});

describe("Auditor.audit()", () => {
  test("does nothing before a declaration, or when nothing is declared", async () => {
    const { auditor, peer, light } = setUp();
    expect((await auditor.audit(peer, never)).again).toBe(false);
    light.partition.shown = { unitCount: 0, chunksPerUnit: 1, roots: [] };
    await auditor.collect(peer, never);
    await auditor.audit(peer, never);
    expect([light.service.counts.hops, peer.ledger.transcripts()]).toEqual([0, []]);
  });

  test("books what an honest miner answers as passed, with the time it took", async () => {
    const { auditor, peer, audit, clock } = setUp();
    await auditor.collect(peer, never);
    for (let i = 0; i < 3; i++) await audit();
    expect(booked(peer.ledger)).toEqual([{ kind: "pass" }, { kind: "pass" }, { kind: "pass" }]);
    expect(peer.ledger.summary(clock.now())).toMatchObject({ audits: { pass: 3, fail: 0, late: 0, offline: 0 }, lastElapsedMs: expect.any(Number) });
  });

  test("books every other answer with its own verdict and a transcript that bears it out", async () => {
    const flipped: SynapseHandler = async () => new Uint8Array(1024).fill(1);
    const kinds: [name: string, routes: Partial<Record<"Hops" | "Openings", SynapseHandler>>, verdict: object][] = [
      ["refused", { Hops: async () => new Refusal("Unknown") }, { kind: "fail", fault: "refused", place: null }],
      ["malformed hops", { Hops: async () => new Uint8Array(7) }, { kind: "fail", fault: "malformed_hops", place: null }],
      ["malformed openings", { Openings: async () => new Uint8Array(7) }, { kind: "fail", fault: "malformed_openings", place: null }],
      ["wrong hops", { Hops: flipped }, { kind: "fail", place: { hop: 0 } }],
    ];
    for (const [name, routes, verdict] of kinds) {
      const { auditor, peer, audit, said } = setUp({ routes });
      await auditor.collect(peer, never);
      await audit();
      expect(booked(peer.ledger), name).toMatchObject([verdict]);
      expect(said.at(-1), name).toMatchObject({ level: "warn", message: "Audit missed", fields: { miner: bob.ss58, verdict: "fail" } });
    }
  });

  test("books silence, and answers that nobody signed, as offline", async () => {
    const { auditor, peer, audit } = setUp();
    await auditor.collect(peer, never);
    const portal = await serveSocket(bob, (socket) => void socket.end(unsigned(200, "<html>")));
    open.push(portal);
    for (const address of [await deadAddress(bob), portal.address]) {
      peer.address = address;
      await audit();
    }
    expect(booked(peer.ledger)).toEqual([{ kind: "offline" }, { kind: "offline" }]);
  });

  test("books offline as unknown while nothing else answers either, and does not hurry to repeat it", async () => {
    const { auditor, peer, clock } = setUp({}, { isNetworkAlive: () => false });
    await auditor.collect(peer, never);
    peer.address = await deadAddress(bob);
    expect((await auditor.audit(peer, never)).again).toBe(false);
    expect(peer.ledger.summary(clock.now()).audits).toMatchObject({ unknown: 1, offline: 0 });
  });

  test("a worker of ours that lagged is unknown, to be repeated under a fresh nonce", async () => {
    const nonces: string[] = [];
    const lagging = {
      call: async (_peer: unknown, _name: string, body: Uint8Array): Promise<Outcome> => {
        nonces.push(Buffer.from(body.slice(0, 32)).toString("hex"));
        return { kind: "ok", body: new Uint8Array(1024), elapsedMs: 5000, lagMs: 51 };
      },
    } as unknown as Dendrite;
    const { auditor, peer, clock } = setUp({}, { dendrite: lagging });
    const real = setUp();
    await real.auditor.collect(peer, never);
    for (let i = 0; i < 2; i++) expect((await auditor.audit(peer, never)).again).toBe(true);
    expect(peer.ledger.summary(clock.now()).audits).toMatchObject({ unknown: 2, late: 0 });
    expect(new Set(nonces).size).toBe(2);
  });

  test("frees the pair when the hops are in; openings that come late are booked at the audit's own time", async () => {
    let isThere = false;
    const waiting: (() => void)[] = [];
    const made = setUp({ routes: { Openings: async (caller, body) => {
      if (!isThere) await new Promise<void>((resolve) => void waiting.push(resolve));
      return made.light.service.routes.Openings(caller, body);
    } } });
    const { auditor, peer, audit, clock } = made;
    await auditor.collect(peer, never);
    const startedAt = clock.now();
    let turn = await auditor.audit(peer, never);
    while (turn.again) turn = await auditor.audit(peer, never);
    expect(booked(peer.ledger)).toEqual([]);
    await until(() => waiting.length === 1);
    isThere = true;
    await clock.advance(MINUTE_MS);
    await audit();
    expect(booked(peer.ledger)).toEqual([{ kind: "pass" }]);
    waiting[0]!();
    await turn.booked;
    expect(booked(peer.ledger)).toEqual([{ kind: "pass" }, { kind: "pass" }]);
    expect(peer.ledger.transcripts()[0]!.at).toBe(startedAt);
  });

  test("a miner that leaves the subnet owing its openings is silent", async () => {
    const left = new AbortController();
    const made = setUp({ routes: { Openings: async () => {
      made.peer.hasLeft = true;
      left.abort();
      return new Refusal("Busy");
    } } });
    await made.auditor.collect(made.peer, never);
    await (await made.auditor.audit(made.peer, left.signal)).booked;
    expect(booked(made.peer.ledger)).toEqual([{ kind: "fail", fault: "silent", place: null }]);
  });

  test("an abort books nothing", async () => {
    const abort = new AbortController();
    const { auditor, peer } = setUp({ routes: { Hops: () => (abort.abort(), new Promise<never>(() => {})) } });
    await auditor.collect(peer, never);
    await (await auditor.audit(peer, abort.signal)).booked;
    expect(peer.ledger.transcripts()).toEqual([]);
  });

  test("a ledger that cannot be written to rejects, or is told where openings are booked", async () => {
    const { auditor, peer, said } = setUp();
    await auditor.collect(peer, never);
    peer.ledger.recordAudit = peer.ledger.finishAudit = () => {
      throw new Error("database or disk is full");
    };
    await (await auditor.audit(peer, never)).booked;
    expect(said.at(-1)).toMatchObject({ level: "error", message: "Booking an audit failed", fields: { reason: "database or disk is full" } });
    peer.address = await deadAddress(bob);
    expect(await auditor.audit(peer, never).then(() => null, String)).toContain("full");
  });
});

describe("Auditor.checkUnit()", () => {
  /** Roots over junk that proves well: an overclaim. */
  const junk: typeof fakeUnit = (spec) => fakeUnit({ ...spec, password: new Uint8Array(8) });

  /** A day of audits, then the hour's check. */
  async function audited(made: ReturnType<typeof setUp>) {
    await made.auditor.collect(made.peer, never);
    await made.audit();
    await made.clock.advance(HOUR_MS);
    return made;
  }

  test("compares one piece an hour, and none before the hour is over", async () => {
    const { auditor, peer, audit, clock } = await audited(setUp());
    const checks = () => peer.ledger.summary(clock.now()).unitChecks;
    await auditor.checkUnit(peer, clock.now(), never);
    await auditor.checkUnit(peer, clock.now(), never);
    expect(checks()).toEqual({ matches: 1, mismatches: 0 });
    await audit();
    await auditor.checkUnit(peer, clock.now() + HOUR_MS - 1, never);
    expect(checks()).toEqual({ matches: 1, mismatches: 0 });
    await auditor.checkUnit(peer, clock.now() + HOUR_MS, never);
    expect(checks()).toEqual({ matches: 2, mismatches: 0 });
    await clock.advance(11 * HOUR_MS);
    expect(scoreOf(peer.ledger, clock)).toMatchObject({ penalty: "none", countedBytes: 2 ** 19 });
    expect(scoreOf(peer.ledger, clock).bytes).toBeGreaterThan(0);
  });

  test("a miner whose audits pass on filler that is not the unit's loses its score for a day, is told, and is charged once per sector", async () => {
    const notices: Uint8Array[] = [];
    const made = await audited(setUp({ unitOf: junk, routes: { Notice: async (_caller, body) => (notices.push(body), new Uint8Array(0)) } }));
    const { auditor, peer, audit, clock, said, light } = made;
    expect(booked(peer.ledger)).toEqual([{ kind: "pass" }]);
    await auditor.checkUnit(peer, clock.now(), never);
    expect(scoreOf(peer.ledger, clock)).toMatchObject({ bytes: 0, penalty: "mismatch" });
    expect(said.at(-1)).toMatchObject({ level: "warn", message: "A unit is not the declared filler", fields: { unit: 0, isFirst: true } });
    // At once it would tell the miner when its hour's check falls.
    expect(notices).toEqual([]);
    expect(clock.waitingMs.length).toBe(1);
    expect(clock.waitingMs[0]!).toBeLessThanOrEqual(4 * HOUR_MS);
    await clock.advance(4 * HOUR_MS);
    await until(() => notices.length === 1);
    expect(decodeNotice(notices[0]!)).toMatchObject({ root: light.partition.shown.roots[0]!, unitIndex: 0 });

    await audit();
    await clock.advance(HOUR_MS);
    const warned = () => said.filter(({ level }) => level === "warn").length;
    const before = warned();
    await auditor.checkUnit(peer, clock.now(), never);
    // The sector is known to be bad: nothing is recomputed, told or charged again.
    expect(warned()).toBe(before);
    expect(clock.waitingMs).toEqual([]);
    expect(peer.ledger.history(clock.now()).mismatches.length).toBe(1);
    expect(peer.ledger.history(clock.now()).unitChecks).toEqual({ matches: 0, mismatches: 1 });

    // The day is over, the sector stays uncounted.
    await clock.advance(24 * HOUR_MS);
    expect(scoreOf(peer.ledger, clock)).toMatchObject({ bytes: 0, penalty: "none", countedBytes: 0 });
  });

  test("a restart goes on with the hour and its chosen piece, and does not begin a new one", async () => {
    const { auditor, peer, audit } = setUp();
    await auditor.collect(peer, never);
    await audit();
    const { seen, chosen, since } = peer.ledger.loadDraw()!;
    expect(seen).toBe(32);
    expect(chosen).not.toBeNull();
    expect(since).toBe(peer.draw.state.since);
    expect(peer.ledger.loadDraw()).toEqual(peer.draw.state);
  });

  test("a machine that cannot make up its mind accuses nobody", async () => {
    const unsure: Partial<AuditorOptions> = { confirmTag: async () => new Uint8Array(32) };
    const { auditor, peer, clock } = await audited(setUp({ unitOf: junk }, unsure));
    const fault = await auditor.checkUnit(peer, clock.now(), never).then(() => null, (error: unknown) => error);
    expect(fault).toBeInstanceOf(BtstoreError);
    expect((fault as BtstoreError).code).toBe("memory");
    expect(peer.ledger.summary(clock.now()).unitChecks).toEqual({ matches: 0, mismatches: 0 });
  });

  test("a sector that is withdrawn before the hour is over is checked all the same", async () => {
    const { auditor, peer, light, clock } = await audited(setUp({ unitOf: junk }));
    light.partition.shown = { ...light.partition.shown, roots: [new Uint8Array(32)] };
    // The miner's clock is the machine's; its last declaration was ten minutes ago.
    light.partition.kept[0] = { ...light.partition.kept[0]!, createdMs: light.partition.kept[0]!.createdMs - 10 * MINUTE_MS };
    const restarted = new Declarations(light.partition, bob, { netuid: NETUID, genesisHash: GENESIS }, systemClock, WINDOWS);
    const signed = restarted.current()!;
    expect(peer.ledger.accept(signed, decodeDeclaration(signed.bytes)!, clock.now())).toBe("accepted");
    peer.refresh();
    await auditor.checkUnit(peer, clock.now(), never);
    expect(scoreOf(peer.ledger, clock)).toMatchObject({ bytes: 0, penalty: "mismatch" });
  });

  test("an abort while a unit is computed books nothing", async () => {
    const abort = new AbortController();
    const computing: Partial<AuditorOptions> = { computeUnit: async (spec, pieces) => (abort.abort(), computeFakeUnit(spec, pieces)) };
    const { auditor, peer, clock } = await audited(setUp({}, computing));
    await auditor.checkUnit(peer, clock.now(), abort.signal);
    expect(peer.ledger.summary(clock.now()).unitChecks).toEqual({ matches: 0, mismatches: 0 });
  });
});
