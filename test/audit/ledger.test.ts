import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BtstoreError, concat, toHex, u32le, windowsFor } from "../../lib/core/mod.ts";
import {
  Ledger, UnitCheckDraw, auditFactorOf, decodeDeclaration, decodeTranscript, encodeDeclaration, encodeTranscript, type Declaration, type OpenedPiece,
  type SignedDeclaration, type Transcript, type Verdict,
} from "../../lib/audit/mod.ts";
import { SeededRandom } from "../reference/random.ts";
import { GENESIS, MINER, VALIDATOR } from "./partition.ts";

const windows = windowsFor(12_000);
const { minuteMs, hourMs, dayMs } = windows;
const UNIT_BYTES = 32 * 2 ** 20;
const NOW = 1000 * dayMs;
const root = (n: number) => new Uint8Array(32).fill(n);

function declare(serial: number, unitCount: number, roots: readonly Uint8Array[] = Array.from({ length: Math.ceil(unitCount / 128) }, (_, i) => root(i + 1))): Declaration {
  return { netuid: 1, genesisHash: GENESIS, miner: MINER, validator: VALIDATOR, serial, unitCount, chunksPerUnit: 32, roots };
}

function accept(ledger: Ledger, declaration: Declaration, now: number) {
  return ledger.accept({ bytes: encodeDeclaration(declaration), signature: new Uint8Array(64).fill(declaration.serial) }, declaration, now);
}

function transcriptOf(verdict: Verdict, at: number, padding = 0): Transcript {
  return {
    at, declaration: { bytes: encodeDeclaration(declare(1, 1)), signature: new Uint8Array(64) }, nonce: new Uint8Array(32), hopAnswer: new Uint8Array(padding),
    elapsedMs: 5, deadlineMs: 1000, picks: [], openings: null, verdict,
  };
}

const PASS: Verdict = { kind: "pass" };
const FAIL: Verdict = { kind: "fail", fault: "link_mismatch", place: { hop: 1, stripeIndex: 2, pieceIndex: 3 } };

describe("Ledger.accept()", () => {
  test("takes growing serials, refuses older ones, and lets the first text under one serial stand", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    expect(ledger.current()).toBeNull();
    expect(accept(ledger, declare(5, 10), NOW)).toBe("accepted");
    expect(accept(ledger, declare(5, 10), NOW + dayMs)).toBe("known");
    expect(accept(ledger, declare(5, 11), NOW + dayMs)).toBe("conflicting");
    expect(accept(ledger, declare(4, 11), NOW + dayMs)).toBe("stale_serial");
    expect(ledger.current()).toMatchObject({ declaration: declare(5, 10), acceptedAt: NOW });
    expect(accept(ledger, declare(6, 200), NOW + dayMs)).toBe("accepted");
    expect(ledger.current()!.declaration).toEqual(declare(6, 200));
    expect(accept(ledger, declare(5, 10), NOW + 2 * dayMs)).toBe("stale_serial");
  });

  test("takes one declaration in ten minutes, scaled", () => {
    for (const scaled of [windows, windowsFor(200)]) {
      const ledger = new Ledger(new Database(":memory:"), scaled);
      accept(ledger, declare(1, 1), NOW);
      expect(accept(ledger, declare(2, 2), NOW + 10 * scaled.minuteMs - 1)).toBe("too_soon");
      expect(accept(ledger, declare(2, 2), NOW + 10 * scaled.minuteMs)).toBe("accepted");
    }
  });
});

describe("Ledger.isInForce()", () => {
  test("knows the bytes in force whatever the signature, and neither others nor older ones", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    const signed = (serial: number, unitCount: number) => ({ bytes: encodeDeclaration(declare(serial, unitCount)), signature: new Uint8Array(64) });
    const known = () => [signed(1, 3), signed(1, 4), signed(2, 3)].map((each) => ledger.isInForce(each));
    expect(known()).toEqual([false, false, false]);
    accept(ledger, declare(1, 3), NOW);
    expect(known()).toEqual([true, false, false]);
    // The older text stays, since a transcript names it.
    ledger.recordAudit({ at: NOW, verdict: PASS, elapsedMs: 3, transcript: { ...transcriptOf(PASS, NOW), declaration: signed(1, 3) } });
    accept(ledger, declare(2, 3), NOW + dayMs);
    expect(known()).toEqual([false, false, true]);
  });
});

describe("Ledger.history()", () => {
  test("tallies audits by the hour, verdict by verdict, over 7 days and no longer", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    const kinds: Verdict[] = [PASS, FAIL, { kind: "late", elapsedMs: 2000, deadlineMs: 1000 }, { kind: "offline" }, { kind: "unknown" }];
    for (const verdict of kinds) ledger.recordAudit({ at: NOW - 90 * minuteMs, verdict, elapsedMs: null, transcript: null });
    ledger.recordAudit({ at: NOW, verdict: PASS, elapsedMs: 3, transcript: null });
    ledger.recordAudit({ at: NOW - 7 * dayMs + 1, verdict: PASS, elapsedMs: 3, transcript: null });
    ledger.recordAudit({ at: NOW - 7 * dayMs, verdict: PASS, elapsedMs: 3, transcript: null });
    ledger.recordAudit({ at: NOW + 1, verdict: PASS, elapsedMs: 3, transcript: null });
    expect(ledger.history(NOW).hours).toEqual([
      { hoursAgo: 0, passes: 1, misses: 0, unknowns: 0 },
      { hoursAgo: 1, passes: 1, misses: 3, unknowns: 1 },
      { hoursAgo: 167, passes: 1, misses: 0, unknowns: 0 },
    ]);
  });

  test("counts unit checks of the roots declared now only, and one mismatch a root", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    accept(ledger, declare(1, 256, [root(1), root(2)]), NOW - 3 * dayMs);
    const check = (n: number, isMatch: boolean, at = NOW) => ledger.recordUnitCheck({ at, root: root(n), unitIndex: 0, pieceIndex: 0, isMatch });
    for (const n of [1, 1, 2]) expect(check(n, true)).toBe(false);
    expect(check(1, true, NOW - 7 * dayMs)).toBe(false);
    expect([check(2, false, NOW - 5), check(2, false)]).toEqual([true, false]);
    expect(ledger.history(NOW).unitChecks).toEqual({ matches: 3, mismatches: 1 });
    accept(ledger, declare(2, 256, [root(1), root(9)]), NOW);
    const { unitChecks, mismatches, sectors } = ledger.history(NOW);
    expect(unitChecks).toEqual({ matches: 2, mismatches: 0 });
    expect(mismatches).toEqual([{ at: NOW - 5, root: root(2) }]);
    expect(sectors).toEqual(new Map([[toHex(root(1)), 128 * UNIT_BYTES]]));
  });

  test("knows a checked sector's bytes, however many are declared and whenever its root was first checked", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    const roots = Array.from({ length: 65_536 }, (_, i) => concat(u32le(i % 1000), u32le(i), new Uint8Array(24)));
    roots[5] = roots[6]!;
    accept(ledger, declare(1, 65_536 * 128 - 3, roots), NOW - hourMs);
    const checked = new Map<string, number>();
    // 5 and 6 are one root; 1,005 begins like 2,005; the last sector is short; the last root is not declared.
    for (const [each, bytes] of [[roots[6]!, 256], [roots[1005]!, 128], [roots[2005]!, 128], [roots[65_535]!, 125], [root(255), 0]] as const) {
      if (bytes > 0) checked.set(toHex(each), bytes * UNIT_BYTES);
      ledger.recordUnitCheck({ at: NOW, root: each, unitIndex: 0, pieceIndex: 0, isMatch: bytes !== 125 });
      expect(ledger.history(NOW).sectors).toEqual(checked);
    }
    expect(ledger.history(NOW).unitChecks).toEqual({ matches: 3, mismatches: 1 });
    accept(ledger, declare(2, 128, [roots[1005]!]), NOW);
    expect(ledger.history(NOW).sectors).toEqual(new Map([[toHex(roots[1005]!), 128 * UNIT_BYTES]]));
  });

  test("lists what was declared when, and passes user bytes through", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    accept(ledger, declare(1, 3), NOW - hourMs);
    accept(ledger, declare(2, 5), NOW);
    expect(ledger.history(NOW, 77)).toMatchObject({ declared: [{ at: NOW - hourMs, bytes: 3 * UNIT_BYTES }, { at: NOW, bytes: 5 * UNIT_BYTES }], userBytes: 77 });
  });
});

describe("Ledger.beginAudit() and finishAudit()", () => {
  test("count an audit once it is finished, in the hour of its request", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    const ids = [1, 2, 3].map(() => ledger.beginAudit({ at: NOW - 90 * minuteMs, elapsedMs: 300 }));
    expect(ledger.history(NOW).hours).toEqual([]);
    expect(ledger.summary(NOW).audits).toEqual({ pass: 0, late: 0, fail: 0, offline: 0, unknown: 0 });
    ledger.finishAudit(ids[1]!, FAIL, transcriptOf(FAIL, NOW));
    ledger.finishAudit(ids[0]!, PASS, null);
    expect(ledger.history(NOW).hours).toEqual([{ hoursAgo: 1, passes: 1, misses: 1, unknowns: 0 }]);
    expect(ledger.transcripts().map(({ isFailure }) => isFailure)).toEqual([true]);
    expect(() => ledger.finishAudit(ids[1]!, PASS, null)).toThrow(RangeError);
    expect(ledger.history(NOW).hours).toEqual([{ hoursAgo: 1, passes: 1, misses: 1, unknowns: 0 }]);
  });

  test("leave what a process did not finish as unknown to the next one, of any age", () => {
    const db = new Database(":memory:");
    const first = new Ledger(db, windows);
    first.recordAudit({ at: NOW - hourMs, verdict: PASS, elapsedMs: 3, transcript: null });
    const owed = first.beginAudit({ at: NOW - minuteMs, elapsedMs: 3 });
    first.beginAudit({ at: NOW - 2 * hourMs, elapsedMs: 3 });
    const next = new Ledger(db, windows);
    expect(next.history(NOW).hours.map(({ passes, misses, unknowns }) => [passes, misses, unknowns])).toEqual([[0, 0, 1], [1, 0, 0], [0, 0, 1]]);
    expect(() => next.finishAudit(owed, PASS, null)).toThrow(RangeError);
  });

  test("gain a miner nothing that withholds openings whenever it would fail, however often we restart", () => {
    const db = new Database(":memory:");
    let ledger = new Ledger(db, windows);
    for (let i = 0; i < 100; i++) {
      const at = NOW - (100 - i) * minuteMs;
      if (i % 4 === 0) {
        ledger.beginAudit({ at, elapsedMs: 3 });
        ledger = new Ledger(db, windows);
      } else ledger.recordAudit({ at, verdict: PASS, elapsedMs: 3, transcript: null });
    }
    const honest = auditFactorOf({ hours: [{ hoursAgo: 0, passes: 75, misses: 25, unknowns: 0 }] }, 0);
    expect(auditFactorOf(ledger.history(NOW), 0)).toBeCloseTo(honest, 10);
  });
});

describe("Ledger.saveDraw() and loadDraw()", () => {
  const chosen: OpenedPiece = { sectorIndex: 2, root: root(3), unitIndex: 300, chunksPerUnit: 32, pieceIndex: 7, piece: new Uint8Array(2048).fill(9) };

  test("keep one hour, with and without a piece", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    expect(ledger.loadDraw()).toBeNull();
    for (const state of [{ since: NOW, seen: 0, chosen: null }, { since: NOW + 1, seen: 64, chosen }]) {
      ledger.saveDraw(state);
      expect(ledger.loadDraw()).toEqual(state);
    }
  });

  test("are kept with the audit whose pieces they hold, or not at all", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    const id = ledger.beginAudit({ at: NOW, elapsedMs: 3 });
    ledger.finishAudit(id, PASS, null, { since: NOW, seen: 32, chosen });
    expect(ledger.loadDraw()).toEqual({ since: NOW, seen: 32, chosen });
    expect(() => ledger.finishAudit(id, PASS, null, { since: NOW, seen: 64, chosen: null })).toThrow(RangeError);
    ledger.finishAudit(ledger.beginAudit({ at: NOW, elapsedMs: 3 }), FAIL, null);
    expect(ledger.loadDraw()).toEqual({ since: NOW, seen: 32, chosen });
  });

  test("let a UnitCheckDraw go on after a restart: the hour ends when it would have, each piece as likely", () => {
    const source = new SeededRandom(1);
    const random = (length: number) => source.bytes(length);
    const ledger = new Ledger(new Database(":memory:"), windows);
    const counts = [0, 0];
    for (let hour = 0; hour < 400; hour++) {
      const since = NOW + hour * hourMs;
      let draw = new UnitCheckDraw(random, windows, since);
      for (const pieceIndex of [0, 1]) {
        draw.offer([{ ...chosen, pieceIndex }]);
        ledger.saveDraw(draw.state);
        draw = new UnitCheckDraw(random, windows, ledger.loadDraw()!);
      }
      expect(draw.take(since + hourMs - 1)).toBeNull();
      counts[draw.take(since + hourMs)!.pieceIndex]!++;
    }
    // 200 expected each; five standard deviations are 50.
    expect(Math.abs(counts[0]! - 200)).toBeLessThan(50);
  });
});

describe("Ledger.isTrusted()", () => {
  const book = (ledger: Ledger, ...verdicts: Verdict[]) => {
    for (const verdict of verdicts) ledger.recordAudit({ at: NOW, verdict, elapsedMs: null, transcript: null });
  };

  test("wants one pass among the last 20 audits that count", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    expect(ledger.isTrusted(NOW)).toBe(false);
    book(ledger, FAIL, { kind: "unknown" });
    expect(ledger.isTrusted(NOW)).toBe(false);
    book(ledger, PASS, ...Array<Verdict>(19).fill(FAIL), ...Array<Verdict>(30).fill({ kind: "unknown" }));
    expect(ledger.isTrusted(NOW)).toBe(true);
    book(ledger, { kind: "offline" });
    expect(ledger.isTrusted(NOW)).toBe(false);
    book(ledger, PASS);
    expect(ledger.isTrusted(NOW)).toBe(true);
    for (let i = 0; i < 20; i++) ledger.beginAudit({ at: NOW, elapsedMs: 3 });
    expect(ledger.isTrusted(NOW)).toBe(false);
  });

  test("ends with a mismatch and comes back when its day is over", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    book(ledger, PASS);
    ledger.recordUnitCheck({ at: NOW, root: root(1), unitIndex: 0, pieceIndex: 0, isMatch: false });
    expect([NOW, NOW + dayMs - 1, NOW + dayMs].map((now) => ledger.isTrusted(now))).toEqual([false, false, true]);
  });
});

describe("Ledger transcripts", () => {
  test("keeps the last ten and failures beyond them", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    ledger.recordAudit({ at: NOW, verdict: FAIL, elapsedMs: 5, transcript: transcriptOf(FAIL, NOW) });
    for (let i = 1; i <= 30; i++) ledger.recordAudit({ at: NOW + i, verdict: PASS, elapsedMs: 5, transcript: transcriptOf(PASS, NOW + i) });
    const kept = ledger.transcripts();
    expect(kept.map(({ at, isFailure }) => [at - NOW, isFailure])).toEqual([...Array.from({ length: 10 }, (_, i) => [30 - i, false]), [0, true]]);
    expect(decodeTranscript(kept.at(-1)!.text)!.verdict).toEqual(FAIL);
  });

  test("keeps no more than 100 failures, nor 32 MiB, of a miner that always fails", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    for (let i = 0; i < 120; i++) ledger.recordAudit({ at: NOW + i, verdict: FAIL, elapsedMs: 5, transcript: transcriptOf(FAIL, NOW + i) });
    expect(ledger.transcripts()).toHaveLength(100);
    for (let i = 0; i < 6; i++) ledger.recordAudit({ at: NOW, verdict: FAIL, elapsedMs: 5, transcript: transcriptOf(FAIL, NOW, 6 * 2 ** 20) });
    const bytes = ledger.transcripts().reduce((sum, { text }) => sum + text.length, 0);
    expect(bytes).toBeLessThanOrEqual(32 * 2 ** 20);
    expect(bytes).toBeGreaterThan(24 * 2 ** 20);
  });
});

describe("Ledger transcripts of a miner that declares 256 TiB", () => {
  const ROOTS = 65_536;
  const claim = (serial: number) => {
    const bytes = encodeDeclaration(declare(serial, 128 * ROOTS, Array.from({ length: ROOTS }, () => root(serial))));
    return { bytes, signature: new Uint8Array(64).fill(serial) };
  };
  const failUnder = (ledger: Ledger, declaration: SignedDeclaration, at: number) =>
    ledger.recordAudit({ at, verdict: FAIL, elapsedMs: 5, transcript: { ...transcriptOf(FAIL, at), declaration } });

  test("are kept with its declaration once, and read out whole after another is in force", () => {
    const db = new Database(":memory:");
    const ledger = new Ledger(db, windows);
    const first = claim(1);
    ledger.accept(first, decodeDeclaration(first.bytes)!, NOW);
    for (let i = 0; i < 50; i++) failUnder(ledger, ledger.current()!.signed, NOW + i);
    const { pages } = db.query<{ pages: number }, []>("SELECT page_count AS pages FROM pragma_page_count").get()!;
    const { size } = db.query<{ size: number }, []>("SELECT page_size AS size FROM pragma_page_size").get()!;
    expect(pages * size).toBeLessThan(first.bytes.length + 256 * 1024);
    const second = claim(2);
    ledger.accept(second, decodeDeclaration(second.bytes)!, NOW + dayMs);
    const kept = ledger.transcripts();
    expect(kept).toHaveLength(50);
    expect(kept[49]!.text).toBe(encodeTranscript({ ...transcriptOf(FAIL, NOW), declaration: first }));
    expect(decodeTranscript(kept[0]!.text)!.declaration).toEqual(first);
  });

  test("count with their declarations towards the 32 MiB, which go with the last transcript that names them", () => {
    const db = new Database(":memory:");
    const ledger = new Ledger(db, windows);
    for (let serial = 1; serial <= 30; serial++) {
      const signed = claim(serial);
      ledger.accept(signed, decodeDeclaration(signed.bytes)!, NOW + serial * hourMs);
      failUnder(ledger, signed, NOW + serial * hourMs);
    }
    const kept = ledger.transcripts();
    expect(kept.map(({ text }) => decodeDeclaration(decodeTranscript(text)!.declaration.bytes)!.serial)).toEqual(Array.from({ length: 15 }, (_, i) => 30 - i));
    expect(db.query<{ count: number }, []>("SELECT COUNT(*) AS count FROM ledger_texts").get()!.count).toBe(15);
    ledger.recordAudit({ at: NOW + 38 * dayMs, verdict: PASS, elapsedMs: 5, transcript: null });
    ledger.prune(NOW + 39 * dayMs);
    expect(ledger.transcripts()).toEqual([]);
    expect(ledger.current()!.declaration.serial).toBe(30);
  });
});

describe("Ledger.hasMismatch()", () => {
  test("knows a bad sector by its root, whether declared or not, and no other", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    ledger.recordUnitCheck({ at: NOW, root: root(1), unitIndex: 0, pieceIndex: 0, isMatch: true });
    ledger.recordUnitCheck({ at: NOW, root: root(2), unitIndex: 0, pieceIndex: 0, isMatch: false });
    expect([root(1), root(2), root(3)].map((each) => ledger.hasMismatch(each))).toEqual([false, true, false]);
  });
});

describe("Ledger.prune() and summary()", () => {
  test("prune() erases nothing on the word of a clock that the books have not followed for a day", () => {
    for (const scaled of [windows, windowsFor(200)]) {
      const { dayMs, hourMs } = scaled;
      const ledger = new Ledger(new Database(":memory:"), scaled);
      const audit = (at: number) => ledger.recordAudit({ at, verdict: PASS, elapsedMs: 3, transcript: null });
      for (let hour = 10 * 24; hour >= 0; hour--) audit(NOW - hour * hourMs);
      const passes = () => ledger.history(NOW).hours.reduce((sum, hour) => sum + hour.passes, 0);
      // The machine boots a year ahead and audits for 20 hours before its clock is set right.
      for (let hour = 0; hour < 20; hour++) {
        audit(NOW + 365 * dayMs + hour * hourMs);
        ledger.prune(NOW + 365 * dayMs + hour * hourMs);
      }
      expect(passes()).toBe(168);
      ledger.prune(NOW);
      expect(passes()).toBe(168);
      expect(ledger.history(NOW - 3 * dayMs).hours.reduce((sum, hour) => sum + hour.passes, 0)).toBe(4 * 24);
    }
  });

  test("forget what no rule looks at, and nothing that changes the history", () => {
    const ledger = new Ledger(new Database(":memory:"), windows);
    for (let day = 0; day < 12; day++) {
      const at = NOW - day * dayMs;
      ledger.recordAudit({ at, verdict: PASS, elapsedMs: 10 + day, transcript: null });
      ledger.recordUnitCheck({ at, root: root(1), unitIndex: 0, pieceIndex: 0, isMatch: true });
    }
    for (let serial = 1; serial <= 4; serial++) accept(ledger, declare(serial, serial), NOW - (5 - serial) * 10 * hourMs);
    ledger.recordUnitCheck({ at: NOW - 100 * dayMs, root: root(8), unitIndex: 0, pieceIndex: 0, isMatch: false });
    const before = ledger.history(NOW);
    ledger.prune(NOW);
    const after = ledger.history(NOW);
    expect(before.declared).toHaveLength(4);
    expect(after.declared).toHaveLength(3);
    expect({ ...after, declared: [] }).toEqual({ ...before, declared: [] });
    expect(ledger.summary(NOW)).toEqual({
      audits: { pass: 7, late: 0, fail: 0, offline: 0, unknown: 0 },
      lastAuditAt: NOW,
      lastElapsedMs: 10,
      unitChecks: { matches: 7, mismatches: 0 },
    });
  });
});

describe("a Ledger on disk", () => {
  test("survives a restart whole, and refuses tables of a newer version", () => {
    const folder = mkdtempSync(join(tmpdir(), "btstore-ledger-"));
    try {
      const path = join(folder, "hashes");
      const first = new Database(path);
      const ledger = new Ledger(first, windows);
      accept(ledger, declare(7, 200), NOW - hourMs);
      ledger.recordAudit({ at: NOW, verdict: FAIL, elapsedMs: 9, transcript: transcriptOf(FAIL, NOW) });
      ledger.recordUnitCheck({ at: NOW, root: root(1), unitIndex: 3, pieceIndex: 4, isMatch: false });
      const [history, summary, current] = [ledger.history(NOW), ledger.summary(NOW), ledger.current()];
      first.close();
      const second = new Database(path);
      const again = new Ledger(second, windows);
      expect(again.history(NOW)).toEqual(history);
      expect(again.summary(NOW)).toEqual(summary);
      expect(again.current()).toEqual(current);
      expect(again.transcripts()).toHaveLength(1);
      second.run("UPDATE ledger_schema SET version = 2");
      expect(() => new Ledger(second, windows)).toThrow(BtstoreError);
      second.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
