/** What a devnet has to say: the chain's own figures beside what its validators tell about their miners. */
import type { Ss58 } from "../core/mod.ts";
import type { CheatKind } from "./cheat_kinds.ts";

/** One miner. Audit figures are those of the first validator; weight and incentive are the chain's. */
export type DevnetMiner = {
  readonly uid: number;
  readonly hotkey: Ss58;
  readonly name: string;
  readonly cheat: CheatKind | null;
  readonly pid: number | null;
  readonly restarts: number;
  readonly declaredBytes: number;
  readonly verifiedBytes: number;
  readonly passed: number;
  readonly failed: number;
  readonly late: number;
  readonly offline: number;
  readonly unknown: number;
  readonly unitMatches: number;
  readonly unitMismatches: number;
  readonly latencyMs: number | null;
  /** Share of the first validator's weights on chain, 0 to 1. */
  readonly weight: number;
  /** 0 to 1. */
  readonly incentive: number;
};

/** One validator, with its weights as they stand on chain. */
export type DevnetValidator = {
  readonly uid: number;
  readonly hotkey: Ss58;
  readonly name: string;
  readonly isLiar: boolean;
  readonly pid: number | null;
  readonly restarts: number;
  readonly hasPermit: boolean;
  /** Largest 65,535. */
  readonly weights: readonly { readonly uid: number; readonly weight: number }[];
};

export type DevnetReport = {
  readonly chain: string;
  readonly block: number;
  /** Epochs with weights on chain. */
  readonly rounds: number;
  readonly timeScale: number;
  readonly blockMs: number;
  readonly tempoBlocks: number;
  /** Of each partition. */
  readonly partitionBytes: number;
  readonly miners: readonly DevnetMiner[];
  readonly validators: readonly DevnetValidator[];
};

/** What is read of one line of `btstore validate --json`. */
type ToldMiner = Pick<
  DevnetMiner,
  "hotkey" | "declaredBytes" | "verifiedBytes" | "passed" | "failed" | "late" | "offline" | "unknown" | "unitMatches" | "unitMismatches" | "latencyMs"
>;

const COUNTS = ["declaredBytes", "verifiedBytes", "passed", "failed", "late", "offline", "unknown", "unitMatches", "unitMismatches"] as const;

/** Reads a validator's status line: its miners by hotkey; null if the line is none. */
export function readValidatorLine(line: string): Map<string, ToldMiner> | null {
  let told: unknown;
  try {
    told = JSON.parse(line);
  } catch {
    return null;
  }
  const miners = isRecord(told) ? told["miners"] : null;
  if (!Array.isArray(miners)) return null;
  const byHotkey = new Map<string, ToldMiner>();
  for (const miner of miners) {
    if (!isRecord(miner) || typeof miner["hotkey"] !== "string" || !COUNTS.every((name) => typeof miner[name] === "number")) return null;
    byHotkey.set(miner["hotkey"], miner as ToldMiner);
  }
  return byHotkey;
}

/** A miner nobody told anything about yet. */
export const UNTOLD: Omit<ToldMiner, "hotkey"> = {
  declaredBytes: 0, verifiedBytes: 0, passed: 0, failed: 0, late: 0, offline: 0, unknown: 0, unitMatches: 0, unitMismatches: 0, latencyMs: null,
};

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
