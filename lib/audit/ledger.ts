/**
 * What a validator remembers of one miner, in SQLite: declarations, audits, unit checks, mismatches, transcripts.
 *
 * The database is the pair's `hashes-<miner>`, opened elsewhere in WAL mode; the tables here begin with `ledger_` and carry
 * their own schema version. Everything a score hangs on is here and survives restarts; memory holds only what can be read again.
 */
import type { Database } from "bun:sqlite";
import { BtstoreError, SEAL_PROFILE, equalBytes, fromHex, toHex, type SealProfile, type Windows } from "../core/mod.ts";
import { sectorAt } from "../space/mod.ts";
import { declarationDigest, declaredGeometry, decodeDeclaration, type Declaration, type SignedDeclaration } from "./declaration.ts";
import { judgeMismatches, type Mismatch } from "./fraud.ts";
import { SCHEMA, SCHEMA_VERSION } from "./schema.ts";
import { SCORE_HOURS, type History, type HourTally } from "./score.ts";
import { readDraw, writeDraw } from "./ledger_draw.ts";
import { Shelf, type KeptTranscript } from "./ledger_shelf.ts";
import type { Transcript } from "./transcript.ts";
import type { DrawState } from "./unitcheck.ts";
import { outcomeOf, type Verdict, type VerdictKind } from "./verdict.ts";

/** What became of a declaration that was offered: taken, the one already in force, or why not. */
export type DeclarationOutcome = "accepted" | "known" | "stale_serial" | "conflicting" | "too_soon";

/** A declaration that was taken, with all that hangs on it. */
export type StandingDeclaration = {
  readonly declaration: Declaration;
  readonly signed: SignedDeclaration;
  /** D. */
  readonly digest: Uint8Array;
  /** Wall clock in milliseconds. */
  readonly acceptedAt: number;
};

/** One audit as it goes into the books. */
export type AuditRecord = {
  /** Wall clock of the request, milliseconds. */
  readonly at: number;
  readonly verdict: Verdict;
  /** Of the hop answer; null if none came. */
  readonly elapsedMs: number | null;
  readonly transcript: Transcript | null;
};

/** One unit check that ended in `match` or `mismatch`. */
export type UnitCheckRecord = {
  readonly at: number;
  /** The committed root of the piece's sector, 32 bytes. */
  readonly root: Uint8Array;
  readonly unitIndex: number;
  readonly pieceIndex: number;
  readonly isMatch: boolean;
};

/** Figures for tables and status lines, over the last 7 days. */
export type LedgerSummary = {
  readonly audits: Readonly<Record<VerdictKind, number>>;
  readonly lastAuditAt: number | null;
  /** Of the last hop answer. */
  readonly lastElapsedMs: number | null;
  readonly unitChecks: { readonly matches: number; readonly mismatches: number };
};

/** The same from outside, with what a score is not needed for. */
export type LedgerView = LedgerSummary & {
  /** By the declaration in force; 0 before the first. */
  readonly declaredBytes: number;
  /** The last audit of these days that counts against the miner; null if none does. The fault is that of a `fail`. */
  readonly lastMiss: { readonly at: number; readonly kind: VerdictKind; readonly fault: string | null } | null;
};

/** Minutes (scaled) between two declarations of one pair. */
const DECLARATION_MINUTES = 10;

/** Audits that trust looks back on. */
const TRUST_AUDITS = 20;

export class Ledger {
  readonly #db: Database;
  readonly #windows: Windows;
  readonly #profile: SealProfile;
  readonly #shelf: Shelf;
  /** D by the very bytes: hashing 2 MiB for every audit of the same declaration would cost more than the audit. */
  readonly #digests = new WeakMap<Uint8Array, Uint8Array>();
  /** Roots in hex whose bytes in the declaration of this serial are known. */
  #lookedUp: { readonly serial: number | null; readonly sectorBytes: Map<string, number> } = { serial: null, sectorBytes: new Map() };

  /**
   * Opens the ledger in a database, making its tables if they are missing. One process may have it open.
   *
   * Audits still pending are settled as `unknown`, however old they are: the process that began them ended before the miner had
   * its ten minutes to answer, so silence is no fault. It is no profit either: with honest openings coming within seconds, a
   * miner that withholds them gathers more unknowns than twice the network's median, and that excess counts as misses.
   *
   * @throws {BtstoreError} `corrupt` if the tables were made by a newer version.
   */
  constructor(db: Database, windows: Windows, profile: SealProfile = SEAL_PROFILE) {
    this.#db = db;
    this.#windows = windows;
    this.#profile = profile;
    this.#shelf = new Shelf(db);
    db.transaction(() => {
      for (const statement of SCHEMA) db.run(statement);
      const version = db.query<{ version: number }, []>("SELECT version FROM ledger_schema").get()?.version;
      if (version === undefined) db.query("INSERT INTO ledger_schema (version) VALUES (?)").run(SCHEMA_VERSION);
      else if (version !== SCHEMA_VERSION) throw unknownVersion(version);
      db.run("UPDATE ledger_audits SET kind = 'unknown', outcome = 'unknown' WHERE outcome = 'pending'");
    }).immediate();
  }

  /**
   * Takes a declaration whose signature and parties were checked (`openDeclaration`), if serial and rate allow.
   *
   * The serial must grow; of two texts under one serial the first stands; at most one is taken in 10 (scaled) minutes.
   *
   * @param now Wall clock, milliseconds.
   */
  accept(signed: SignedDeclaration, declaration: Declaration, now: number): DeclarationOutcome {
    return this.#db.transaction((): DeclarationOutcome => {
      const last = this.#db
        .query<{ serial: number; at: number; digest: Uint8Array }, []>("SELECT serial, at, digest FROM ledger_declarations ORDER BY serial DESC LIMIT 1")
        .get();
      const digest = this.#digestOf(signed.bytes);
      if (last && declaration.serial === last.serial) return equalBytes(digest, last.digest) ? "known" : "conflicting";
      if (last && declaration.serial < last.serial) return "stale_serial";
      if (last && now >= last.at && now - last.at < DECLARATION_MINUTES * this.#windows.minuteMs) return "too_soon";
      this.#db
        .query("INSERT INTO ledger_declarations (serial, at, bytes, digest) VALUES (?, ?, ?, ?)")
        .run(declaration.serial, Math.round(now), declaredGeometry(declaration, this.#profile).byteLength, digest);
      this.#shelf.putDeclaration(digest, signed);
      this.#shelf.dropLooseDeclarations();
      return "accepted";
    }).immediate();
  }

  /**
   * Whether these are the bytes of the declaration in force, which was checked when it was taken.
   *
   * A validator asks for declarations every few minutes. Reading, hashing and verifying 2 MiB again takes 35 ms, this takes one.
   */
  isInForce({ bytes }: SignedDeclaration): boolean {
    const last = this.#db.query<{ digest: Uint8Array }, []>("SELECT digest FROM ledger_declarations ORDER BY serial DESC LIMIT 1").get();
    return last !== null && this.#shelf.hasDeclaration(last.digest, bytes);
  }

  /** The declaration in force; null before the first. */
  current(): StandingDeclaration | null {
    const row = this.#db.query<{ at: number; digest: Uint8Array }, []>("SELECT at, digest FROM ledger_declarations ORDER BY serial DESC LIMIT 1").get();
    if (!row) return null;
    const signed = this.#shelf.declaration(row.digest);
    const declaration = signed && decodeDeclaration(signed.bytes, this.#profile);
    if (!declaration) throw new BtstoreError("corrupt", "Cannot read the ledger: the declaration in force is malformed");
    this.#digests.set(signed.bytes, row.digest);
    return { declaration, signed, digest: row.digest, acceptedAt: row.at };
  }

  /** Enters one audit whose verdict is final, and its transcript if given. */
  recordAudit({ at, verdict, elapsedMs, transcript }: AuditRecord): void {
    this.#db.transaction(() => this.#settle(this.beginAudit({ at, elapsedMs }), verdict, transcript)).immediate();
  }

  /**
   * Enters an audit whose hop answer came in time, before its openings are asked for: from then on it counts, whatever happens
   * to this process. No score sees it until it is finished.
   *
   * @returns For `finishAudit`.
   */
  beginAudit({ at, elapsedMs }: Pick<AuditRecord, "at" | "elapsedMs">): number {
    return this.#db
      .query<{ id: number }, [number, number | null]>("INSERT INTO ledger_audits (at, kind, outcome, elapsed_ms) VALUES (?, 'pending', 'pending', ?) RETURNING id")
      .get(Math.round(at), elapsedMs)!.id;
  }

  /**
   * Gives an audit its verdict, and keeps its transcript if given.
   *
   * @param id What `beginAudit` gave, of this ledger as it is open.
   * @param draw The hour of unit checks with this audit's pieces in it, kept as by `saveDraw` but in the same commit: each waits for the disk.
   * @throws {RangeError} If no such audit is pending; then nothing is kept.
   */
  finishAudit(id: number, verdict: Verdict, transcript: Transcript | null, draw: DrawState | null = null): void {
    this.#db.transaction(() => {
      this.#settle(id, verdict, transcript);
      if (draw) writeDraw(this.#db, draw);
    }).immediate();
  }

  /**
   * Enters one unit check.
   *
   * @returns Whether it is the first mismatch of its sector: the one that costs.
   */
  recordUnitCheck({ at, root, unitIndex, pieceIndex, isMatch }: UnitCheckRecord): boolean {
    return this.#db.transaction((): boolean => {
      const key = toHex(root);
      if (!isMatch) {
        const { changes } = this.#db
          .query("INSERT OR IGNORE INTO ledger_mismatches (root, at, unit_index, piece_index) VALUES (?, ?, ?, ?)")
          .run(key, Math.round(at), unitIndex, pieceIndex);
        if (changes === 0) return false;
      }
      this.#db
        .query("INSERT INTO ledger_unit_checks (at, root, unit_index, piece_index, is_match) VALUES (?, ?, ?, ?, ?)")
        .run(Math.round(at), key, unitIndex, pieceIndex, isMatch ? 1 : 0);
      return !isMatch;
    }).immediate();
  }

  /** Keeps the hour of unit checks that is running, in place of the one kept before. */
  saveDraw(state: DrawState): void {
    this.#db.transaction(() => writeDraw(this.#db, state)).immediate();
  }

  /** The hour kept by `saveDraw`; null if none was. */
  loadDraw(): DrawState | null {
    return readDraw(this.#db);
  }

  /**
   * Whether a piece under this root was found not to be the filler. Further ones do not count, so such a sector needs no more unit checks.
   *
   * @param root The committed root of a sector, 32 bytes.
   */
  hasMismatch(root: Uint8Array): boolean {
    return this.#db.query("SELECT 1 FROM ledger_mismatches WHERE root = ?").get(toHex(root)) !== null;
  }

  /**
   * Whether the declared size may drive the rate of audits: one of the last 20 counted audits passed, and no mismatch holds the
   * score at 0. An audit whose openings are still owed counts as not passed, `unknown` is left out; before the first pass there
   * is no trust.
   *
   * @param now Wall clock, milliseconds.
   */
  isTrusted(now: number): boolean {
    const hasPassed = this.#db
      .query("SELECT 1 FROM (SELECT outcome FROM ledger_audits WHERE outcome <> 'unknown' ORDER BY id DESC LIMIT ?) WHERE outcome = 'pass' LIMIT 1")
      .get(TRUST_AUDITS);
    if (hasPassed === null) return false;
    const { isBarred, zeroUntil } = judgeMismatches(this.#mismatches(), this.#windows);
    return !isBarred && now >= zeroUntil;
  }

  /**
   * All that the score hangs on at one moment.
   *
   * @param userBytes Declared bytes that hold user data or data released since, 0 if the miner keeps none for us.
   */
  history(now: number, userBytes = 0): History {
    const rows = this.#db
      .query<{ root: string; isMatch: number; count: number }, [number]>(
        "SELECT root, is_match AS isMatch, COUNT(*) AS count FROM ledger_unit_checks WHERE at > ? GROUP BY root, is_match",
      )
      .all(now - this.#windows.weekMs);
    const mismatches = this.#mismatches();
    const sectors = this.#sectorsUnder(new Set([...rows.map(({ root }) => root), ...mismatches.map(({ root }) => toHex(root))]));
    const checks = { matches: 0, mismatches: 0 };
    for (const { root, isMatch, count } of rows) if (sectors.has(root)) checks[isMatch ? "matches" : "mismatches"] += count;
    const declared = this.#db.query<{ at: number; bytes: number }, []>("SELECT at, bytes FROM ledger_declarations ORDER BY serial").all();
    return { hours: this.#hours(now), declared, sectors, userBytes, unitChecks: checks, mismatches };
  }

  /** Figures of the last 7 days. */
  summary(now: number): LedgerSummary {
    return summarise(this.#db, this.#windows, now);
  }

  /** Transcripts kept, newest first: JSON as of `encodeTranscript`. */
  transcripts(): KeptTranscript[] {
    return this.#shelf.transcripts();
  }

  /**
   * Forgets what no rule looks at any more. Mismatches stay for good: they bar.
   *
   * Nothing is forgotten unless an audit lies between one and two (scaled) days back: the books then prove that this clock has
   * held for a day. A clock that is years ahead when the machine boots would erase the week that scores hang on.
   *
   * @param now Wall clock, milliseconds.
   */
  prune(now: number): void {
    const { dayMs } = this.#windows;
    const isClockProven = this.#db.query("SELECT 1 FROM ledger_audits WHERE at > ? AND at <= ? LIMIT 1").get(now - 2 * dayMs, now - dayMs) !== null;
    if (!isClockProven) return;
    this.#db.transaction(() => {
      const weekAgo = now - this.#windows.weekMs;
      this.#db.query("DELETE FROM ledger_audits WHERE at <= ? AND outcome <> 'pending'").run(weekAgo);
      this.#db.query("DELETE FROM ledger_unit_checks WHERE at <= ?").run(weekAgo);
      this.#shelf.forgetUntil(weekAgo);
      // The one in force when the last 24 hours began still counts towards their mean.
      this.#db
        .query("DELETE FROM ledger_declarations WHERE serial < (SELECT MAX(serial) FROM ledger_declarations WHERE at <= ?)")
        .run(now - dayMs);
    }).immediate();
  }

  #settle(id: number, verdict: Verdict, transcript: Transcript | null): void {
    const outcome = outcomeOf(verdict.kind);
    const { changes } = this.#db
      .query("UPDATE ledger_audits SET kind = ?, outcome = ?, fault = ? WHERE id = ? AND outcome = 'pending'")
      .run(verdict.kind, outcome, verdict.kind === "fail" ? verdict.fault : null, id);
    if (changes === 0) throw new RangeError(`id: expected a pending audit, got ${id}`);
    if (transcript) this.#shelf.putTranscript(transcript, this.#digestOf(transcript.declaration.bytes), outcome === "miss");
  }

  #mismatches(): Mismatch[] {
    return this.#db
      .query<{ root: string; at: number }, []>("SELECT root, at FROM ledger_mismatches ORDER BY at, rowid")
      .all()
      .map(({ root, at }) => ({ root: fromHex(root), at }));
  }

  #hours(now: number): HourTally[] {
    return this.#db
      .query<HourTally, [number, number, number, number]>(
        `SELECT CAST((? - at) / ? AS INTEGER) AS hoursAgo,
           COUNT(*) FILTER (WHERE outcome = 'pass') AS passes,
           COUNT(*) FILTER (WHERE outcome = 'miss') AS misses,
           COUNT(*) FILTER (WHERE outcome = 'unknown') AS unknowns
         FROM ledger_audits WHERE at <= ? AND at > ? AND outcome <> 'pending' GROUP BY hoursAgo ORDER BY hoursAgo`,
      )
      .all(now, this.#windows.hourMs, now, now - this.#windows.weekMs)
      .filter(({ hoursAgo }) => hoursAgo < SCORE_HOURS);
  }

  /**
   * Bytes declared now under each of these roots, in hex, and perhaps under others; roots that are not declared are left out.
   *
   * A claim may list 65,536 roots, of which few are ever checked: those are looked up once per declaration, in one pass.
   */
  #sectorsUnder(roots: ReadonlySet<string>): Map<string, number> {
    const serial = this.#db.query<{ serial: number }, []>("SELECT serial FROM ledger_declarations ORDER BY serial DESC LIMIT 1").get()?.serial ?? null;
    if (serial !== this.#lookedUp.serial) this.#lookedUp = { serial, sectorBytes: new Map() };
    const { sectorBytes } = this.#lookedUp;
    const unknown = [...roots].filter((root) => !sectorBytes.has(root));
    if (serial !== null && unknown.length > 0) for (const [root, bytes] of this.#findSectors(unknown)) sectorBytes.set(root, bytes);
    return new Map([...sectorBytes].filter(([, bytes]) => bytes > 0));
  }

  /** Bytes declared under each root; 0 if none are. */
  #findSectors(roots: readonly string[]): Map<string, number> {
    const found = new Map(roots.map((root) => [root, 0]));
    const beginnings = new Set(roots.map((root) => beginningOf(fromHex(root))));
    const { declaration } = this.current()!;
    const geometry = declaredGeometry(declaration, this.#profile);
    for (const [index, root] of declaration.roots.entries()) {
      // Few roots get past this; writing each as hex would cost more than all the rest.
      if (!beginnings.has(beginningOf(root))) continue;
      const bytes = found.get(toHex(root));
      // Two sectors under one root share its checks, which one of the two cannot pass.
      if (bytes !== undefined) found.set(toHex(root), bytes + sectorAt(geometry, index).byteLength);
    }
    return found;
  }

  #digestOf(bytes: Uint8Array): Uint8Array {
    const digest = this.#digests.get(bytes) ?? declarationDigest(bytes);
    this.#digests.set(bytes, digest);
    return digest;
  }
}

/** Three bytes as a number, read without the view over each root that a wider read would make. */
function beginningOf(root: Uint8Array): number {
  return root[0]! | (root[1]! << 8) | (root[2]! << 16);
}

/**
 * Reads what a ledger says, without opening it: for a look beside the validator that holds it. Writes nothing.
 *
 * @param db Of a validator's hashes file; may be read-only.
 * @param now Wall clock, milliseconds.
 * @throws An SQLite error if the database holds no ledger; BtstoreError `corrupt` if it is of another version.
 */
export function readLedgerView(db: Database, windows: Windows, now: number): LedgerView {
  const version = db.query<{ version: number }, []>("SELECT version FROM ledger_schema").get()?.version;
  if (version !== SCHEMA_VERSION) throw unknownVersion(version);
  const declaredBytes = db.query<{ bytes: number }, []>("SELECT bytes FROM ledger_declarations ORDER BY serial DESC LIMIT 1").get()?.bytes ?? 0;
  const lastMiss = db
    .query<{ at: number; kind: VerdictKind; fault: string | null }, [number]>(
      "SELECT at, kind, fault FROM ledger_audits WHERE outcome = 'miss' AND at > ? ORDER BY id DESC LIMIT 1",
    )
    .get(now - windows.weekMs);
  return { ...summarise(db, windows, now), declaredBytes, lastMiss };
}

function unknownVersion(version: number | undefined): BtstoreError {
  return new BtstoreError("corrupt", `Cannot open the ledger: its version is ${version ?? "missing"}, this program reads ${SCHEMA_VERSION}`);
}

function summarise(db: Database, windows: Windows, now: number): LedgerSummary {
  const since = now - windows.weekMs;
  const audits: Record<VerdictKind, number> = { pass: 0, late: 0, fail: 0, offline: 0, unknown: 0 };
  const kinds = db
    .query<{ kind: VerdictKind; count: number }, [number]>("SELECT kind, COUNT(*) AS count FROM ledger_audits WHERE at > ? AND outcome <> 'pending' GROUP BY kind")
    .all(since);
  for (const { kind, count } of kinds) audits[kind] = count;
  const lastAuditAt = db.query<{ at: number | null }, []>("SELECT MAX(at) AS at FROM ledger_audits").get()!.at;
  const lastElapsed = db
    .query<{ elapsedMs: number }, []>("SELECT elapsed_ms AS elapsedMs FROM ledger_audits WHERE elapsed_ms IS NOT NULL ORDER BY at DESC LIMIT 1")
    .get();
  const { matches, mismatches } = db
    .query<{ matches: number; mismatches: number }, [number]>(
      "SELECT COUNT(*) FILTER (WHERE is_match = 1) AS matches, COUNT(*) FILTER (WHERE is_match = 0) AS mismatches FROM ledger_unit_checks WHERE at > ?",
    )
    .get(since)!;
  return { audits, lastAuditAt, lastElapsedMs: lastElapsed?.elapsedMs ?? null, unitChecks: { matches, mismatches } };
}
