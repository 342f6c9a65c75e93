/**
 * The transcripts a ledger keeps, and the declarations they were taken under.
 *
 * A declaration is up to 2 MiB and the same in every audit until the next one, so its text is kept once, under D, and joined
 * to a transcript when that is read out. What a hostile miner can make us write per audit is its own answers, and what
 * deciding which transcripts to keep reads is a few figures per row.
 */
import type { Database } from "bun:sqlite";
import { toHex } from "../core/mod.ts";
import type { SignedDeclaration } from "./declaration.ts";
import { encodeTranscriptBody, joinTranscript, type Transcript } from "./transcript.ts";

/** Transcripts kept of any kind, of failures, and in all by size with their declarations: a hostile miner fails as often as it is asked. */
const TRANSCRIPTS_LAST = 10;
const TRANSCRIPTS_FAILED = 100;
const SHELF_BYTES = 32 * 2 ** 20;

/** One kept transcript; the text is JSON as of `encodeTranscript`, up to 3 MB. */
export type KeptTranscript = { readonly at: number; readonly isFailure: boolean; readonly text: string };

/** Every call that writes belongs into a transaction of the caller. */
export class Shelf {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Keeps a declaration's text; of one that is here already the first signature stays.
   *
   * @param digest D of the declaration.
   */
  putDeclaration(digest: Uint8Array, { bytes, signature }: SignedDeclaration): void {
    if (this.#db.query("SELECT 1 FROM ledger_texts WHERE digest = ?").get(digest)) return;
    this.#db.query("INSERT INTO ledger_texts (digest, signature, text) VALUES (?, ?, ?)").run(digest, signature, bytes);
  }

  /** The text kept under D; null if there is none. */
  declaration(digest: Uint8Array): SignedDeclaration | null {
    return this.#db.query<{ bytes: Uint8Array; signature: Uint8Array }, [Uint8Array]>("SELECT text AS bytes, signature FROM ledger_texts WHERE digest = ?").get(digest);
  }

  /** Whether the text kept under D is this one; SQLite compares them, without a copy. */
  hasDeclaration(digest: Uint8Array, bytes: Uint8Array): boolean {
    return this.#db.query("SELECT 1 FROM ledger_texts WHERE digest = ? AND text = ?").get(digest, bytes) !== null;
  }

  /**
   * Keeps a transcript, and lets go of what is too much then: the newest ten stay, the newest hundred failures, and of those
   * as many as 32 MiB hold, but at least the newest one.
   *
   * @param digest D of its declaration.
   */
  putTranscript(transcript: Transcript, digest: Uint8Array, isFailure: boolean): void {
    this.putDeclaration(digest, transcript.declaration);
    const text = encodeTranscriptBody(transcript);
    this.#db
      .query("INSERT INTO ledger_transcripts (at, is_failure, digest, bytes, text) VALUES (?, ?, ?, ?, ?)")
      .run(Math.round(transcript.at), isFailure ? 1 : 0, digest, text.length, text);
    this.#makeRoom();
  }

  /** Lets go of transcripts taken up to `at`, wall clock in milliseconds. */
  forgetUntil(at: number): void {
    this.#db.query("DELETE FROM ledger_transcripts WHERE at <= ?").run(at);
    this.dropLooseDeclarations();
  }

  /** Lets go of declarations that are neither in force nor named by a kept transcript. */
  dropLooseDeclarations(): void {
    this.#db.run(
      `DELETE FROM ledger_texts WHERE digest NOT IN (SELECT digest FROM ledger_transcripts)
         AND digest IS NOT (SELECT digest FROM ledger_declarations ORDER BY serial DESC LIMIT 1)`,
    );
  }

  /** Transcripts kept, newest first. Their declarations are joined to them only as each text is asked for. */
  transcripts(): KeptTranscript[] {
    const declarations = new Map<string, SignedDeclaration>();
    return this.#db
      .query<{ at: number; isFailure: number; digest: Uint8Array; text: string }, []>(
        "SELECT at, is_failure AS isFailure, digest, text FROM ledger_transcripts ORDER BY id DESC",
      )
      .all()
      .map(({ at, isFailure, digest, text }) => {
        const key = toHex(digest);
        const signed = declarations.get(key) ?? this.declaration(digest)!;
        declarations.set(key, signed);
        return {
          at,
          isFailure: isFailure === 1,
          get text() {
            return joinTranscript(text, signed);
          },
        };
      });
  }

  #makeRoom(): void {
    // The length of a BLOB is read without the BLOB.
    const rows = this.#db
      .query<{ id: number; isFailure: number; bytes: number; digest: Uint8Array; textBytes: number }, []>(
        `SELECT id, is_failure AS isFailure, bytes, ledger_transcripts.digest AS digest, LENGTH(ledger_texts.text) AS textBytes
         FROM ledger_transcripts JOIN ledger_texts USING (digest) ORDER BY id DESC`,
      )
      .all();
    const counted = new Set<string>();
    let [bytes, failures, isFull] = [0, 0, false];
    for (const [i, row] of rows.entries()) {
      if (row.isFailure) failures++;
      if (i >= TRANSCRIPTS_LAST && (!row.isFailure || failures > TRANSCRIPTS_FAILED)) {
        this.#db.query("DELETE FROM ledger_transcripts WHERE id = ?").run(row.id);
        continue;
      }
      const key = toHex(row.digest);
      bytes += row.bytes + (counted.has(key) ? 0 : row.textBytes);
      counted.add(key);
      isFull ||= i > 0 && bytes > SHELF_BYTES;
      if (isFull) this.#db.query("DELETE FROM ledger_transcripts WHERE id = ?").run(row.id);
    }
    this.dropLooseDeclarations();
  }
}
