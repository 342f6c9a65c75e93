/**
 * What the validator draws for an audit: the nonce before it, the picks after the hop answer.
 *
 * Both come from the same unpredictable source. The picks must not exist before the answer does, or a miner that saw
 * them would hash only what will be opened.
 */
import { DIGEST_BYTES, PIECES_PER_STRIPE } from "../core/mod.ts";
import type { Hop } from "../space/mod.ts";
import type { HopRequest } from "./message.ts";

/** `length` unpredictable bytes. Tests pass a seeded source. */
export type RandomBytes = (length: number) => Uint8Array;

/** Pieces of a stripe that are not its link piece. */
const OTHERS = PIECES_PER_STRIPE - 1;

/**
 * Begins an audit with a fresh nonce.
 *
 * @param digest D of the declaration in force, 32 bytes.
 */
export function newAudit(random: RandomBytes, digest: Uint8Array): HopRequest {
  return { nonce: random(DIGEST_BYTES), digest };
}

/**
 * Draws the pieces to open beside the links: per hop one of the other 127, uniformly. Call it once per audit, when the hop
 * answer is in; the same picks are asked again if the openings get lost.
 *
 * @param hops The walk that the answer's links lead to (`walkHops`).
 */
export function drawPicks(random: RandomBytes, hops: readonly Hop[]): number[] {
  return hops.map(({ linkIndex }) => {
    const other = belowOthers(random);
    return other < linkIndex ? other : other + 1;
  });
}

/** Uniform in [0, 1), 53 bits. */
export function uniform(random: RandomBytes): number {
  const bytes = random(7);
  let value = bytes[0]! & 0x1f;
  for (let i = 1; i < 7; i++) value = value * 256 + bytes[i]!;
  return value / 2 ** 53;
}

/** Uniform from 0 to 126: bytes of 254 and 255 are drawn again, so that no piece is likelier. */
function belowOthers(random: RandomBytes): number {
  for (;;) {
    const byte = random(1)[0]!;
    if (byte < 2 * OTHERS) return byte % OTHERS;
  }
}
