/** The ledger's tables. Times are wall clock in milliseconds, roots are hex. Any change needs a new version. */

export const SCHEMA_VERSION = 1;

export const SCHEMA: readonly string[] = [
  "CREATE TABLE IF NOT EXISTS ledger_schema (version INTEGER NOT NULL)",
  // Kept for as long as the mean of a day needs them; `bytes` is the declared size.
  `CREATE TABLE IF NOT EXISTS ledger_declarations (
     serial INTEGER PRIMARY KEY, at INTEGER NOT NULL, bytes INTEGER NOT NULL, digest BLOB NOT NULL)`,
  // Canonical bytes, up to 2 MiB, of the declaration in force and of those that a kept transcript names: each once. Long
  // columns come last, so that a row's figures are read without them.
  "CREATE TABLE IF NOT EXISTS ledger_texts (digest BLOB NOT NULL UNIQUE, signature BLOB NOT NULL, text BLOB NOT NULL)",
  // While its openings are owed, an audit's kind and outcome are 'pending'.
  `CREATE TABLE IF NOT EXISTS ledger_audits (
     id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, outcome TEXT NOT NULL, fault TEXT, elapsed_ms REAL)`,
  "CREATE INDEX IF NOT EXISTS ledger_audits_by_time ON ledger_audits (at, outcome)",
  `CREATE TABLE IF NOT EXISTS ledger_unit_checks (
     id INTEGER PRIMARY KEY, at INTEGER NOT NULL, root TEXT NOT NULL, unit_index INTEGER NOT NULL, piece_index INTEGER NOT NULL, is_match INTEGER NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS ledger_unit_checks_by_time ON ledger_unit_checks (at)",
  // One row at most: the hour of unit checks that is running. Without a piece until one was opened.
  `CREATE TABLE IF NOT EXISTS ledger_draw (
     since INTEGER NOT NULL, seen INTEGER NOT NULL, sector_index INTEGER, root BLOB, unit_index INTEGER, chunks_per_unit INTEGER, piece_index INTEGER, piece BLOB)`,
  // One row per bad sector, known by its root: only its first mismatch counts.
  `CREATE TABLE IF NOT EXISTS ledger_mismatches (
     root TEXT PRIMARY KEY, at INTEGER NOT NULL, unit_index INTEGER NOT NULL, piece_index INTEGER NOT NULL)`,
  // Without the declaration, which stands under `digest`; `bytes` is the length of the rest.
  `CREATE TABLE IF NOT EXISTS ledger_transcripts (
     id INTEGER PRIMARY KEY, at INTEGER NOT NULL, is_failure INTEGER NOT NULL, digest BLOB NOT NULL, bytes INTEGER NOT NULL, text TEXT NOT NULL)`,
];
