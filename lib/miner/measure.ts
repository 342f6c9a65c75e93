/**
 * What this machine can do, measured when asked and never assumed: how long a unit takes.
 */
import { availableParallelism } from "node:os";
import { SEAL_PROFILE } from "../core/mod.ts";
import { SealPool } from "../native/mod.ts";
import { unitSpec } from "../space/mod.ts";

/** Units computed for one figure; the fastest counts, since nothing but disturbance makes one slower. */
const UNIT_RUNS = 3;

/** Keys of filler that nobody stores. */
const BENCH_SEED = "btstore bench";

/** What regenerating filler costs here. */
export type UnitTime = {
  /** Milliseconds of one core for one full unit, nothing else running. */
  readonly unitMs: number;
  /** Cores this process may use. */
  readonly cores: number;
};

/**
 * Measures the bare time of one full unit on one worker. Takes about two seconds.
 *
 * @throws {BtstoreError} `cancelled`, `memory`.
 */
export async function measureUnit(signal?: AbortSignal): Promise<UnitTime> {
  const pool = new SealPool({ workers: 1 });
  const options = signal ? { signal } : {};
  try {
    // The thread starts and loads the library before the clock does.
    await pool.unitPieces({ ...unitSpec(BENCH_SEED, 0, 0, 1), passes: 1 }, [], options);
    let unitMs = Number.POSITIVE_INFINITY;
    for (let run = 0; run < UNIT_RUNS; run++) {
      const spec = unitSpec(BENCH_SEED, 0, run, SEAL_PROFILE.chunksPerUnit);
      const startedMs = performance.now();
      await pool.unitPieces(spec, [], options);
      unitMs = Math.min(unitMs, performance.now() - startedMs);
    }
    return { unitMs, cores: availableParallelism() };
  } finally {
    await pool.close();
  }
}
