/**
 * The cheat that keeps half of its stripes and steers the walk: where a stripe is missing it makes up a link piece, and
 * tries others until the next hop leads to a stripe it kept.
 *
 * What defeats it is that every link is opened: a made-up piece is not the committed one.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { DIGEST_BYTES, HOPS_PER_AUDIT, PIECE_BYTES, STRIPE_BYTES, concat, u32le } from "../../core/mod.ts";
import { answerOpenings } from "../../audit/mod.ts";
import type { Answering, ShownPartition } from "../../miner/mod.ts";
import { pieceTree, saltedTree } from "../../native/mod.ts";
import { drawHop } from "../../space/mod.ts";
import type { Partition } from "../../store/mod.ts";
import { keepShare } from "./kept.ts";

const KEPT_SHARE = 0.5;
/** Half of all stripes are kept, so that this many tries practically always find one. */
const TRIES_MAX = 64;

/** Shown with made-up stripes, answered along a steered walk. */
export function steering(): { show(partition: Partition): ShownPartition; answering: Answering } {
  /** Stripes made up for the audit under way, so that its openings tell the same story. */
  let madeUp = new Map<number, Uint8Array>();
  const kept = new Map<string, (stripeIndex: number) => boolean>();
  const hashes = { saltedTree, pieceTree };
  return {
    show(partition) {
      const shown = keepShare(partition, KEPT_SHARE, async (stripeIndex) => madeUp.get(stripeIndex) ?? new Uint8Array(STRIPE_BYTES));
      kept.set(partition.validator, shown.isKept);
      return shown;
    },
    answering: {
      async hops(source, { nonce, digest }) {
        madeUp = new Map();
        // One partition per validator, and this devnet's cheats serve one at a time.
        const isKept = (stripeIndex: number) => [...kept.values()].some((test) => test(stripeIndex));
        const links: Uint8Array[] = [];
        const roots: Uint8Array[] = [];
        let link: Uint8Array = new Uint8Array(0);
        for (let i = 0; i < HOPS_PER_AUDIT; i++) {
          const hop = drawHop(nonce, digest, i, link, source.stripeCount);
          const leadsWell = (candidate: Uint8Array) => i === HOPS_PER_AUDIT - 1 || isKept(drawHop(nonce, digest, i + 1, candidate, source.stripeCount).stripeIndex);
          let stripe = await source.readStripe(hop.stripeIndex);
          if (!isKept(hop.stripeIndex)) {
            stripe = stripe.slice();
            for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
              const piece = new Uint8Array(PIECE_BYTES);
              piece.set(u32le(attempt));
              stripe.set(piece, hop.linkIndex * PIECE_BYTES);
              if (leadsWell(sha256(concat(Uint8Array.of(0), nonce, piece)))) break;
            }
            madeUp.set(hop.stripeIndex, stripe);
          }
          const tree = saltedTree(stripe, nonce);
          link = tree.slice(hop.linkIndex * DIGEST_BYTES, (hop.linkIndex + 1) * DIGEST_BYTES);
          links.push(link);
          roots.push(tree.slice(-DIGEST_BYTES));
        }
        return { links, roots };
      },
      openings: (source, request) => answerOpenings(source, hashes, request),
    },
  };
}
