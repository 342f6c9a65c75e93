/**
 * The cheat that keeps no filler: for each audit it computes every unit again, on all cores, and forgets them after it.
 *
 * It gives exact answers. What defeats it is the deadline, and the price where that can be met.
 */
import { availableParallelism } from "node:os";
import { PIECE_BYTES, STRIPE_BYTES, PIECES_PER_STRIPE } from "../../core/mod.ts";
import { answerHops, answerOpenings } from "../../audit/mod.ts";
import type { Answering, ShownPartition } from "../../miner/mod.ts";
import { SealPool, pieceTree, saltedTree } from "../../native/mod.ts";
import { pieceOrigin, sectorOfStripe, unitSpec } from "../../space/mod.ts";
import type { Partition } from "../../store/mod.ts";
import { keepShare } from "./kept.ts";

/** Shown and answered so that nothing is kept between audits. */
export function regenerating(): { show(partition: Partition): ShownPartition; answering: Answering } {
  const pool = new SealPool({ workers: availableParallelism() });
  /** Units of the audit under way, whole, by partition seed and index. */
  let units = new Map<string, Promise<Uint8Array>>();
  const unit = (partition: Partition, unitIndex: number, chunksPerUnit: number, piecesPerUnit: number): Promise<Uint8Array> => {
    const key = `${partition.seed} ${unitIndex}`;
    const known = units.get(key);
    if (known) return known;
    const all = Array.from({ length: piecesPerUnit }, (_, i) => i);
    const computed = pool.unitPieces(unitSpec(partition.seed, partition.netuid, unitIndex, chunksPerUnit), all).then(({ pieces }) => {
      const memory = new Uint8Array(piecesPerUnit * PIECE_BYTES);
      for (const [i, piece] of pieces.entries()) memory.set(piece, i * PIECE_BYTES);
      return memory;
    });
    units.set(key, computed);
    return computed;
  };
  const regenerate = async (partition: Partition, stripeIndex: number): Promise<Uint8Array> => {
    const sector = sectorOfStripe(partition.geometry, stripeIndex);
    const stripe = new Uint8Array(STRIPE_BYTES);
    await Promise.all(
      Array.from({ length: PIECES_PER_STRIPE }, async (_, i) => {
        const { unitIndex, pieceIndex } = pieceOrigin(sector, stripeIndex - sector.firstStripe, i);
        const memory = await unit(partition, unitIndex, sector.chunksPerUnit, sector.piecesPerUnit);
        stripe.set(memory.subarray(pieceIndex * PIECE_BYTES, (pieceIndex + 1) * PIECE_BYTES), i * PIECE_BYTES);
      }),
    );
    return stripe;
  };
  const hashes = { saltedTree, pieceTree };
  return {
    show: (partition) => keepShare(partition, 0, (stripeIndex) => regenerate(partition, stripeIndex)),
    answering: {
      async hops(source, request) {
        units = new Map();
        return answerHops(source, hashes, request);
      },
      async openings(source, request) {
        const answer = await answerOpenings(source, hashes, request);
        units = new Map();
        return answer;
      },
    },
  };
}
