/**
 * The miner's side of an audit: walk the hops, later open what is asked (DESIGN section 5). No state between the two.
 *
 * Costs 16 stripe reads one strictly after another (the next place is unknown until the last is read) and 16 salted
 * trees; the openings cost the walk again and 16 piece trees. Hash functions and the partition come in as arguments: the
 * miner gives the native core and its data file, tests give slow ones.
 */
import { DIGEST_BYTES, PIECES_PER_STRIPE, PIECE_BYTES, HOPS_PER_AUDIT, concat } from "../core/mod.ts";
import { drawHop, type Hop } from "../space/mod.ts";
import type { HopAnswer, HopRequest, Opening, OpeningAnswer, OpeningRequest } from "./message.ts";

/** The declared partition, as it was under the declaration that the request names. */
export interface StripeSource {
  /** Stripes declared. */
  readonly stripeCount: number;
  /** Reads one stripe, STRIPE_BYTES long. */
  readStripe(stripeIndex: number): Promise<Uint8Array>;
  /** Siblings from the stripe's root to the committed root, 32 bytes each. */
  commitmentPath(stripeIndex: number): Promise<Uint8Array>;
}

/** Trees over the 128 pieces of a stripe, level by level: 128 leaf digests, then 64, 32 … and the root last; 255 × 32 bytes. */
export interface StripeHashes {
  /** Leaves SHA-256(0x00 ‖ nonce ‖ piece). */
  saltedTree(stripe: Uint8Array, nonce: Uint8Array): Uint8Array;
  /** Leaves SHA-256(0x00 ‖ piece). */
  pieceTree(stripe: Uint8Array): Uint8Array;
}

/** Where a walk stands after reading one stripe. */
type Step = { hop: Hop; stripe: Uint8Array; saltedTree: Uint8Array };

/**
 * Walks the hops of an audit.
 *
 * @param source The partition under the declaration `request.digest` names, at least one chunk.
 */
export async function answerHops(source: StripeSource, hashes: StripeHashes, request: HopRequest): Promise<HopAnswer> {
  const links: Uint8Array[] = [];
  const roots: Uint8Array[] = [];
  for await (const { hop, saltedTree } of walk(source, hashes, request)) {
    links.push(nodeAt(saltedTree, hop.linkIndex));
    roots.push(saltedTree.slice(-DIGEST_BYTES));
  }
  return { links, roots };
}

/** Opens the link piece and the picked piece of every hop. The walk is made again; asking twice gives the same bytes. */
export async function answerOpenings(source: StripeSource, hashes: StripeHashes, request: OpeningRequest): Promise<OpeningAnswer> {
  const hops: { link: Opening; pick: Opening }[] = [];
  for await (const { hop, stripe, saltedTree } of walk(source, hashes, request)) {
    const pieceTree = hashes.pieceTree(stripe);
    const above = await source.commitmentPath(hop.stripeIndex);
    const open = (index: number): Opening => ({
      piece: stripe.slice(index * PIECE_BYTES, (index + 1) * PIECE_BYTES),
      saltedPath: treePath(saltedTree, index),
      path: concat(treePath(pieceTree, index), above),
    });
    hops.push({ link: open(hop.linkIndex), pick: open(request.picks[hops.length]!) });
  }
  return { hops };
}

async function* walk(source: StripeSource, hashes: StripeHashes, { nonce, digest }: HopRequest): AsyncGenerator<Step> {
  let link: Uint8Array = new Uint8Array(0);
  for (let hopIndex = 0; hopIndex < HOPS_PER_AUDIT; hopIndex++) {
    const hop = drawHop(nonce, digest, hopIndex, link, source.stripeCount);
    const stripe = await source.readStripe(hop.stripeIndex);
    const saltedTree = hashes.saltedTree(stripe, nonce);
    link = nodeAt(saltedTree, hop.linkIndex);
    yield { hop, stripe, saltedTree };
  }
}

/** Siblings of one leaf up to, not including, the tree's root. */
function treePath(tree: Uint8Array, leafIndex: number): Uint8Array {
  const siblings: Uint8Array[] = [];
  let levelStart = 0;
  let index = leafIndex;
  for (let width = PIECES_PER_STRIPE; width > 1; width /= 2) {
    siblings.push(nodeAt(tree, levelStart + (index ^ 1)));
    levelStart += width;
    index >>= 1;
  }
  return concat(...siblings);
}

function nodeAt(tree: Uint8Array, index: number): Uint8Array {
  return tree.slice(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
}
