/** Recomputing units for unit checks: one native worker, one unit at a time, 32 MiB and half a second of one core each. */
import type { ComputeUnit } from "../audit/mod.ts";
import { SealPool } from "../native/mod.ts";

/** A worker that recomputes units until it is closed. */
export type UnitComputer = { readonly compute: ComputeUnit; close(): Promise<void> };

/** Starts nothing until the first unit is asked for. */
export function openUnitComputer(): UnitComputer {
  const pool = new SealPool({ workers: 1 });
  return { compute: (spec, pieceIndexes) => pool.unitPieces(spec, pieceIndexes), close: () => pool.close() };
}
