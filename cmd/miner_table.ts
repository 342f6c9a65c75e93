/** The table of miners that `validate --once` and `devnet` print. */
import { formatSize } from "../lib/core/mod.ts";
import type { MinerRow } from "../lib/validator/mod.ts";
import { type Column, table } from "./output.ts";

const COLUMNS: readonly Column[] = [
  { heading: "UID", align: "right" }, { heading: "HOTKEY" }, { heading: "DECLARED", align: "right" }, { heading: "VERIFIED", align: "right" },
  { heading: "PASSED", align: "right" }, { heading: "FAILED", align: "right" }, { heading: "LATE", align: "right" }, { heading: "OFFLINE", align: "right" },
  { heading: "UNITS", align: "right" }, { heading: "LATENCY", align: "right" }, { heading: "WEIGHT", align: "right" }, { heading: "INCENTIVE", align: "right" }, { heading: "" },
];

/** Miners by uid: declared and verified space, audits of the last 7 days, weight and incentive as shares. */
export function minerTable(miners: readonly MinerRow[], noteOf: (miner: MinerRow) => string = () => ""): string {
  return table(COLUMNS, miners.map((miner) => [
    String(miner.uid), miner.hotkey, formatSize(miner.declaredBytes), formatSize(miner.verifiedBytes),
    String(miner.passed), String(miner.failed), String(miner.late), String(miner.offline),
    `${miner.unitMatches}/${miner.unitMatches + miner.unitMismatches}`, miner.latencyMs === null ? "–" : `${Math.round(miner.latencyMs)} ms`,
    share(miner.weight), share(miner.incentive), [miner.penalty === "none" ? "" : miner.penalty, noteOf(miner)].filter((note) => note !== "").join(", "),
  ]));
}

function share(value: number): string {
  return `${(value * 100).toFixed(1)} %`;
}
