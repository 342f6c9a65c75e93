/** The cheat that gives a quarter of its disk back and answers zeros for it. What defeats it are the openings. */
import { STRIPE_BYTES } from "../../core/mod.ts";
import type { ShownPartition } from "../../miner/mod.ts";
import type { Partition } from "../../store/mod.ts";
import { keepShare } from "./kept.ts";

const KEPT_SHARE = 0.75;

/** Three quarters of the stripes, zeros for the rest: an audit hits none of them once in a hundred times. */
export function dropping(partition: Partition): ShownPartition {
  return keepShare(partition, KEPT_SHARE, async () => new Uint8Array(STRIPE_BYTES));
}
