/** Stripe trees as a miner needs them, by node:crypto: what the native core is held to, and what tests answer audits with. */
import { hash } from "node:crypto";
import { PIECES_PER_STRIPE, PIECE_BYTES } from "../../lib/core/mod.ts";
import type { StripeHashes } from "../../lib/audit/mod.ts";

/** Level by level: leaves, then each pair's node; the root last. */
export function treeOver(leaves: readonly Uint8Array[]): Uint8Array {
  const nodes: Uint8Array[] = [...leaves];
  for (let from = 0; nodes.length < 2 * leaves.length - 1; from += 2) nodes.push(digest(Uint8Array.of(1), nodes[from]!, nodes[from + 1]!));
  return new Uint8Array(Buffer.concat(nodes));
}

/** Both trees of a stripe. */
export const referenceHashes: StripeHashes = {
  saltedTree: (stripe, nonce) => treeOver(piecesOf(stripe).map((piece) => digest(Uint8Array.of(0), nonce, piece))),
  pieceTree: (stripe) => treeOver(piecesOf(stripe).map((piece) => digest(Uint8Array.of(0), piece))),
};

function piecesOf(stripe: Uint8Array): Uint8Array[] {
  return Array.from({ length: PIECES_PER_STRIPE }, (_, i) => stripe.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES));
}

function digest(...parts: readonly Uint8Array[]): Uint8Array {
  return hash("sha256", Buffer.concat(parts), "buffer");
}
