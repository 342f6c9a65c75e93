/** The ledger's tables. Times are wall clock in milliseconds, roots are hex. Any change needs a new version. */

export const SCHEMA_VERSION = 1;

export const SCHEMA: readonly string[] = [
  "CREATE TABLE IF NOT EXISTS ledger_schema (version INTEGER NOT NULL)",
  // Text and signature are kept for the one in force; bytes and time for as long as the mean of a day needs them.
  `CREATE TABLE IF NOT EXISTS ledger_declarations (
     serial INTEGER PRIMARY KEY, at INTEGER NOT NULL, bytes INTEGER NOT NULL, digest BLOB NOT NULL, text BLOB, signature BLOB)`,
  `CREATE TABLE IF NOT EXISTS ledger_audits (
     id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, outcome TEXT NOT NULL, fault TEXT, elapsed_ms REAL)`,
  "CREATE INDEX IF NOT EXISTS ledger_audits_by_time ON ledger_audits (at, outcome)",
  `CREATE TABLE IF NOT EXISTS ledger_unit_checks (
     id INTEGER PRIMARY KEY, at INTEGER NOT NULL, root TEXT NOT NULL, unit_index INTEGER NOT NULL, piece_index INTEGER NOT NULL, is_match INTEGER NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS ledger_unit_checks_by_time ON ledger_unit_checks (at)",
  // One row per bad sector, known by its root: only its first mismatch counts.
  `CREATE TABLE IF NOT EXISTS ledger_mismatches (
     root TEXT PRIMARY KEY, at INTEGER NOT NULL, unit_index INTEGER NOT NULL, piece_index INTEGER NOT NULL)`,
  "CREATE TABLE IF NOT EXISTS ledger_transcripts (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, is_failure INTEGER NOT NULL, text TEXT NOT NULL)",
];
