/**
 * The cheat that declares eight times the space an honest miner would, and holds one unit: all other pieces are junk that
 * it makes up from their position, committed to by honest roots over junk.
 *
 * Every audit of it passes. What defeats it are unit checks: a piece that proved into the root is not the filler.
 */
import { CHUNK_BYTES, PIECES_PER_STRIPE, PIECE_BYTES, SEAL_PROFILE, STRIPE_BYTES, concat } from "../../core/mod.ts";
import type { ShownPartition } from "../../miner/mod.ts";
import { merklePath, merkleRoot, stripeRoots } from "../../native/mod.ts";
import { type Sector, geometryOf, pieceOrigin, sectorAt, sectorOfStripe } from "../../space/mod.ts";
import type { Partition } from "../../store/mod.ts";

const CLAIM_FACTOR = 8;
const UNIT_BYTES = SEAL_PROFILE.chunksPerUnit * CHUNK_BYTES;

/** Bytes it really seals. */
export const OVERCLAIM_REAL_BYTES = UNIT_BYTES;

/**
 * Shows one sealed unit as the first of many.
 *
 * @param honestBytes What an honest miner in its place would hold.
 */
export function overclaiming(partition: Partition, honestBytes: number): ShownPartition {
  const unitCount = Math.max(2, Math.floor((CLAIM_FACTOR * honestBytes) / UNIT_BYTES));
  const geometry = geometryOf(unitCount * SEAL_PROFILE.chunksPerUnit);
  let committed: { roots: Uint8Array[]; stripes: Uint8Array[] } | null = null;

  /** The one real unit lies in order in the honest partition: with A = 1, position is piece. */
  const readReal = (pieceIndex: number) => partition.readAt(pieceIndex * PIECE_BYTES, PIECE_BYTES);
  const makeStripe = async (sector: Sector, stripeInSector: number): Promise<Uint8Array> => {
    const stripe = new Uint8Array(STRIPE_BYTES);
    for (let i = 0; i < PIECES_PER_STRIPE; i++) {
      const { unitIndex, pieceIndex } = pieceOrigin(sector, stripeInSector, i);
      const target = stripe.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES);
      if (unitIndex === 0) target.set(await readReal(pieceIndex));
      else junk(target, unitIndex * sector.piecesPerUnit + pieceIndex);
    }
    return stripe;
  };
  const commit = async (): Promise<void> => {
    const roots: Uint8Array[] = [];
    const stripes: Uint8Array[] = [];
    for (let index = 0; index < geometry.sectorCount; index++) {
      const sector = sectorAt(geometry, index);
      const digests: Uint8Array[] = [];
      for (let stripe = 0; stripe < sector.stripeCount; stripe++) digests.push(stripeRoots(await makeStripe(sector, stripe)));
      stripes.push(concat(...digests));
      roots.push(merkleRoot(stripes.at(-1)!));
    }
    committed = { roots, stripes };
  };
  let committing: Promise<void> | null = null;

  return {
    validator: partition.validator,
    declared() {
      if (partition.declared().unitCount > 0) committing ??= commit();
      const roots = committed?.roots ?? [];
      return { unitCount: committed ? unitCount : 0, chunksPerUnit: SEAL_PROFILE.chunksPerUnit, roots };
    },
    declarations: () => partition.declarations(),
    nextSerial: (nowMs) => partition.nextSerial(nowMs),
    saveDeclaration: (kept) => partition.saveDeclaration(kept),
    async readStripe(stripeIndex) {
      const sector = sectorOfStripe(geometry, stripeIndex);
      return makeStripe(sector, stripeIndex - sector.firstStripe);
    },
    async commitmentPath(stripeIndex) {
      const sector = sectorOfStripe(geometry, stripeIndex);
      return merklePath(committed!.stripes[sector.index]!, stripeIndex - sector.firstStripe);
    },
  };
}

/** Fills a piece with words that follow from its position: a xorshift, as cheap as bytes can be made. */
function junk(piece: Uint8Array, position: number): void {
  const words = new Uint32Array(piece.buffer, piece.byteOffset, piece.length / 4);
  let state = (position + 1) * 2_654_435_761;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
}
