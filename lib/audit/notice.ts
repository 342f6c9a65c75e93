/**
 * What a validator tells a miner whose unit differs from the filler: which sector, which unit. Sent once, after the
 * mismatch was confirmed by both implementations (DESIGN section 5).
 *
 * Octets: the sector's committed root (32) ‖ u32 LE index of the unit in the partition.
 */
import { DIGEST_BYTES, assertBytes, concat, readU32le, u32le } from "../core/mod.ts";

export type MismatchNotice = { readonly root: Uint8Array; readonly unitIndex: number };

/** Notice as octets. */
export function encodeNotice({ root, unitIndex }: MismatchNotice): Uint8Array {
  assertBytes(root, DIGEST_BYTES, "root");
  return concat(root, u32le(unitIndex));
}

/** Notice from a peer's octets; null if malformed. */
export function decodeNotice(body: Uint8Array): MismatchNotice | null {
  return body.length === DIGEST_BYTES + 4 ? { root: body.slice(0, DIGEST_BYTES), unitIndex: readU32le(body, DIGEST_BYTES) } : null;
}
