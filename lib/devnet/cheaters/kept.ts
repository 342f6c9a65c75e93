/** What most cheats begin with: seal honestly, declare it, then give the disk back but for the first stripes. */
import { truncateSync } from "node:fs";
import { STRIPE_BYTES } from "../../core/mod.ts";
import type { ShownPartition } from "../../miner/mod.ts";
import type { Partition } from "../../store/mod.ts";

/**
 * A partition of which only the first stripes stay on disk once all of it is sealed and declared.
 *
 * @param keptShare 0 to 1.
 * @param missing Makes up a stripe that is no longer there.
 */
export function keepShare(partition: Partition, keptShare: number, missing: (stripeIndex: number) => Promise<Uint8Array>): ShownPartition & { isKept(stripeIndex: number): boolean } {
  const keptStripes = () => Math.floor(partition.geometry.stripeCount * keptShare);
  let isForgotten = false;
  const isKept = (stripeIndex: number) => stripeIndex < keptStripes();
  return {
    validator: partition.validator,
    declared() {
      const declared = partition.declared();
      if (!isForgotten && declared.chunkCount > 0 && declared.chunkCount === partition.wantedGeometry.chunkCount) {
        truncateSync(partition.dataPath, keptStripes() * STRIPE_BYTES);
        isForgotten = true;
      }
      return declared;
    },
    declarations: () => partition.declarations(),
    nextSerial: (nowMs) => partition.nextSerial(nowMs),
    saveDeclaration: (kept) => partition.saveDeclaration(kept),
    readStripe: (stripeIndex) => (isKept(stripeIndex) ? partition.readStripe(stripeIndex) : missing(stripeIndex)),
    commitmentPath: (stripeIndex) => partition.commitmentPath(stripeIndex),
    isKept,
  };
}
