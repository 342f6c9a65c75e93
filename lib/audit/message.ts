/**
 * The messages of an audit as octets (DESIGN section 5). All lengths are fixed or bounded; a decoder takes nothing
 * longer, nothing shorter and nothing behind, and gives null instead.
 *
 * Hop request: nonce (32) ‖ D (32). Hop answer: 16 links ‖ 16 salted roots (32 each). Opening request: nonce ‖ D ‖ 16 picks
 * (u8, below 128). Openings: per hop the link piece's opening, then the picked one's; an opening is the piece (2,048) ‖
 * salted path (7 × 32) ‖ u8 k ‖ path to the commitment (k × 32). Notice: root (32) ‖ u32 unit ‖ u32 piece, little-endian.
 */
import { DIGEST_BYTES, HOPS_PER_AUDIT, OPENINGS_PER_HOP, PIECES_PER_CHUNK, PIECES_PER_STRIPE, PIECE_BYTES, SEAL_PROFILE, assertBytes, assertInteger, concat, readU32le, u8, u32le } from "../core/mod.ts";

/** Begins an audit: answer by walking the hops, at once. */
export type HopRequest = { readonly nonce: Uint8Array; readonly digest: Uint8Array };

/** HOPS_PER_AUDIT link digests and as many salted stripe roots, 32 bytes each, in hop order. */
export type HopAnswer = { readonly links: readonly Uint8Array[]; readonly roots: readonly Uint8Array[] };

/** Asks for the openings of an audit. `picks` holds, per hop, the index in the stripe of the one more piece to open. */
export type OpeningRequest = HopRequest & { readonly picks: readonly number[] };

/** One piece with its two proofs; each path lists siblings from leaf to root. */
export type Opening = {
  /** PIECE_BYTES long. */
  readonly piece: Uint8Array;
  /** To the stripe's salted root: SALTED_PATH_BYTES long. */
  readonly saltedPath: Uint8Array;
  /** To the committed root: k × 32 bytes. */
  readonly path: Uint8Array;
};

/** Per hop, the opened link piece and the opened pick. */
export type OpeningAnswer = { readonly hops: readonly { readonly link: Opening; readonly pick: Opening }[] };

/** Tells the miner of a committed piece that is not its unit's filler. */
export type Notice = {
  /** The committed root of the sector, 32 bytes. */
  readonly root: Uint8Array;
  /** Index in the partition. */
  readonly unitIndex: number;
  /** Index in the unit. */
  readonly pieceIndex: number;
};

/** log2(128) siblings between a piece and its stripe's root. */
const SALTED_PATH_BYTES = Math.log2(PIECES_PER_STRIPE) * DIGEST_BYTES;

/** Siblings between a piece and the root of a full sector: log2(128 × 16,384) = 21. No committed tree is larger. */
const PATH_NODES_MAX = Math.ceil(Math.log2(SEAL_PROFILE.unitsPerSector * SEAL_PROFILE.chunksPerUnit * PIECES_PER_CHUNK));

export const HOP_REQUEST_BYTES = 2 * DIGEST_BYTES;
export const HOP_ANSWER_BYTES = 2 * HOPS_PER_AUDIT * DIGEST_BYTES;
export const OPENING_REQUEST_BYTES = HOP_REQUEST_BYTES + HOPS_PER_AUDIT;
export const NOTICE_BYTES = DIGEST_BYTES + 4 + 4;
const OPENING_BYTES_MIN = PIECE_BYTES + SALTED_PATH_BYTES + 1;
export const OPENING_ANSWER_BYTES_MAX = HOPS_PER_AUDIT * OPENINGS_PER_HOP * (OPENING_BYTES_MIN + PATH_NODES_MAX * DIGEST_BYTES);

/** Hop request as octets. */
export function encodeHopRequest({ nonce, digest }: HopRequest): Uint8Array {
  assertBytes(nonce, DIGEST_BYTES, "nonce");
  assertBytes(digest, DIGEST_BYTES, "digest");
  return concat(nonce, digest);
}

/** Hop request from a peer's octets; null if malformed. */
export function decodeHopRequest(body: Uint8Array): HopRequest | null {
  if (body.length !== HOP_REQUEST_BYTES) return null;
  return { nonce: body.slice(0, DIGEST_BYTES), digest: body.slice(DIGEST_BYTES) };
}

/** Hop answer as octets. */
export function encodeHopAnswer({ links, roots }: HopAnswer): Uint8Array {
  const answer = concat(...links, ...roots);
  assertBytes(answer, HOP_ANSWER_BYTES, "hop answer");
  return answer;
}

/** Hop answer from a peer's octets; null if malformed. */
export function decodeHopAnswer(body: Uint8Array): HopAnswer | null {
  if (body.length !== HOP_ANSWER_BYTES) return null;
  const digests = Array.from({ length: 2 * HOPS_PER_AUDIT }, (_, i) => body.slice(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES));
  return { links: digests.slice(0, HOPS_PER_AUDIT), roots: digests.slice(HOPS_PER_AUDIT) };
}

/** Opening request as octets. */
export function encodeOpeningRequest(request: OpeningRequest): Uint8Array {
  for (const pick of request.picks) assertInteger(pick, 0, PIECES_PER_STRIPE - 1, "pick");
  const body = concat(encodeHopRequest(request), Uint8Array.from(request.picks));
  assertBytes(body, OPENING_REQUEST_BYTES, "opening request");
  return body;
}

/** Opening request from a peer's octets; null if malformed. */
export function decodeOpeningRequest(body: Uint8Array): OpeningRequest | null {
  if (body.length !== OPENING_REQUEST_BYTES) return null;
  const picks = [...body.subarray(HOP_REQUEST_BYTES)];
  if (picks.some((pick) => pick >= PIECES_PER_STRIPE)) return null;
  return { nonce: body.slice(0, DIGEST_BYTES), digest: body.slice(DIGEST_BYTES, HOP_REQUEST_BYTES), picks };
}

/** Openings as octets. */
export function encodeOpenings(answer: OpeningAnswer): Uint8Array {
  assertInteger(answer.hops.length, HOPS_PER_AUDIT, HOPS_PER_AUDIT, "hops");
  return concat(...answer.hops.flatMap(({ link, pick }) => [...openingParts(link), ...openingParts(pick)]));
}

/** Openings from a peer's octets; null if malformed. The parts are views of `body`. */
export function decodeOpenings(body: Uint8Array): OpeningAnswer | null {
  if (body.length > OPENING_ANSWER_BYTES_MAX) return null;
  const openings: Opening[] = [];
  let offset = 0;
  while (openings.length < HOPS_PER_AUDIT * OPENINGS_PER_HOP) {
    if (body.length - offset < OPENING_BYTES_MIN) return null;
    const saltedAt = offset + PIECE_BYTES;
    const pathAt = offset + OPENING_BYTES_MIN;
    const pathNodes = body[pathAt - 1]!;
    const end = pathAt + pathNodes * DIGEST_BYTES;
    if (pathNodes > PATH_NODES_MAX || end > body.length) return null;
    openings.push({ piece: body.subarray(offset, saltedAt), saltedPath: body.subarray(saltedAt, pathAt - 1), path: body.subarray(pathAt, end) });
    offset = end;
  }
  if (offset !== body.length) return null;
  return { hops: Array.from({ length: HOPS_PER_AUDIT }, (_, hop) => ({ link: openings[hop * 2]!, pick: openings[hop * 2 + 1]! })) };
}

/** Notice as octets. */
export function encodeNotice({ root, unitIndex, pieceIndex }: Notice): Uint8Array {
  assertBytes(root, DIGEST_BYTES, "root");
  return concat(root, u32le(unitIndex), u32le(pieceIndex));
}

/** Notice from a peer's octets; null if malformed. */
export function decodeNotice(body: Uint8Array): Notice | null {
  if (body.length !== NOTICE_BYTES) return null;
  return { root: body.slice(0, DIGEST_BYTES), unitIndex: readU32le(body, DIGEST_BYTES), pieceIndex: readU32le(body, DIGEST_BYTES + 4) };
}

function openingParts({ piece, saltedPath, path }: Opening): Uint8Array[] {
  assertBytes(piece, PIECE_BYTES, "piece");
  assertBytes(saltedPath, SALTED_PATH_BYTES, "saltedPath");
  assertInteger(path.length % DIGEST_BYTES, 0, 0, "path remainder");
  assertInteger(path.length / DIGEST_BYTES, 0, PATH_NODES_MAX, "path nodes");
  return [piece, saltedPath, u8(path.length / DIGEST_BYTES), path];
}
