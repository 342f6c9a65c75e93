/** What a validator has to say about its miners, for tables, status lines and scripts. */
import type { Ss58 } from "../core/mod.ts";
import type { Score } from "../audit/mod.ts";

/** One miner's row. */
export type MinerRow = {
  readonly uid: number;
  readonly hotkey: Ss58;
  readonly declaredBytes: number;
  /** What of it is proven, by audits and unit checks: W(audits) × W(unit checks) of the declared bytes, 0 under a penalty. */
  readonly verifiedBytes: number;
  /** The same of the counted bytes, which follow the declaration over 24 hours: what weights are made of. */
  readonly scoreBytes: number;
  /** Audits of the last 7 days. */
  readonly passed: number;
  readonly failed: number;
  readonly late: number;
  readonly offline: number;
  readonly unknown: number;
  readonly unitMatches: number;
  readonly unitMismatches: number;
  /** Of the last hop answer, in milliseconds; null before the first. */
  readonly latencyMs: number | null;
  /** Share of our weights it would get now, 0 to 1. */
  readonly weight: number;
  /** By the chain, 0 to 1. */
  readonly incentive: number;
  readonly penalty: Score["penalty"];
};

export type ValidatorReport = {
  readonly validator: Ss58;
  readonly block: number;
  readonly isChainConnected: boolean;
  readonly hasPermit: boolean;
  /** Block at which the chain took our weights last; 0 if never. */
  readonly weightsBlock: number;
  /** Why weights were not set when last tried; null if they were. */
  readonly weightsRefusal: string | null;
  readonly miners: readonly MinerRow[];
};
