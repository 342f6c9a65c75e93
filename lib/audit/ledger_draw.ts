/** The ledger's one row of `ledger_draw`: the hour of unit checks that is running. */
import type { Database } from "bun:sqlite";
import type { DrawState } from "./unitcheck.ts";
import type { OpenedPiece } from "./verify.ts";

/** Replaces the row. Belongs into a transaction of the caller. */
export function writeDraw(db: Database, { since, seen, chosen }: DrawState): void {
  db.run("DELETE FROM ledger_draw");
  db.query("INSERT INTO ledger_draw (since, seen, sector_index, root, unit_index, chunks_per_unit, piece_index, piece) VALUES (?, ?, ?, ?, ?, ?, ?, ?)").run(
    Math.round(since), seen, chosen?.sectorIndex ?? null, chosen?.root ?? null, chosen?.unitIndex ?? null, chosen?.chunksPerUnit ?? null,
    chosen?.pieceIndex ?? null, chosen?.piece ?? null,
  );
}

/** Reads the row; null if there is none. */
export function readDraw(db: Database): DrawState | null {
  const row = db
    .query<Omit<DrawState, "chosen"> & (OpenedPiece | { piece: null }), []>(
      `SELECT since, seen, sector_index AS sectorIndex, root, unit_index AS unitIndex, chunks_per_unit AS chunksPerUnit, piece_index AS pieceIndex, piece
       FROM ledger_draw`,
    )
    .get();
  if (!row) return null;
  const { since, seen, ...chosen } = row;
  return { since, seen, chosen: chosen.piece === null ? null : chosen };
}
