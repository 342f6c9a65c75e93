/**
 * The dishonest members a devnet can start. Each is the real miner with one thing changed: what it shows of its
 * partitions, or how it answers.
 */
import type { Answering, ShownPartition } from "../../miner/mod.ts";
import type { Partition } from "../../store/mod.ts";
import type { CheatKind } from "../cheat_kinds.ts";
import { dropping } from "./drop.ts";
import { OVERCLAIM_REAL_BYTES, overclaiming } from "./overclaim.ts";
import { regenerating } from "./regenerate.ts";
import { steering } from "./steer.ts";

export { lie } from "./liar.ts";

/** How a cheat differs from an honest miner. */
export type Cheat = {
  /** Bytes it allocates and seals. */
  readonly sizeBytes: number;
  show(partition: Partition): ShownPartition;
  /** Honest if missing. */
  readonly answering?: Answering;
};

/**
 * The cheat of a name.
 *
 * @param honestBytes What an honest miner in its place would hold, in bytes.
 */
export function cheatOf(kind: CheatKind, honestBytes: number): Cheat {
  switch (kind) {
    case "regenerate":
      return { sizeBytes: honestBytes, ...regenerating() };
    case "drop":
      return { sizeBytes: honestBytes, show: dropping };
    case "overclaim":
      return { sizeBytes: Math.min(honestBytes, OVERCLAIM_REAL_BYTES), show: (partition) => overclaiming(partition, honestBytes) };
    case "steer":
      return { sizeBytes: honestBytes, ...steering() };
  }
}
