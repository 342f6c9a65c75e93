/**
 * The validator's side of an audit: recompute every hop, link and path (DESIGN section 5). Pure, @noble only, so that
 * anyone can check a transcript anywhere.
 *
 * `verifyAudit` is `walkHops` over the answered links, then `verifyOpenings`. They are separate so that tests can put a
 * weaker walk or no openings in their place and show that a cheat then earns.
 */
import { HOPS_PER_AUDIT, PIECES_PER_STRIPE, SEAL_PROFILE, assertInteger, equalBytes, type SealProfile } from "../core/mod.ts";
import { drawHop, leafHash, pathLength, pieceOrigin, rootFromPath, saltedLeafHash, sectorOfStripe, type Hop, type Sector } from "../space/mod.ts";
import { declaredGeometry, type Declaration } from "./declaration.ts";
import type { HopAnswer, Opening, OpeningAnswer } from "./message.ts";
import type { Fault, Place, Verdict } from "./verdict.ts";

/** One audit as the validator holds it when everything is in. */
export type AuditCase = {
  readonly declaration: Declaration;
  /** D of the declaration, 32 bytes. */
  readonly digest: Uint8Array;
  readonly nonce: Uint8Array;
  /** As decoded; null is a malformed answer. */
  readonly hopAnswer: HopAnswer | null;
  /** Per hop, the index in the stripe of the other piece asked for. Empty if the hop answer is malformed. */
  readonly picks: readonly number[];
  /** As decoded; null is a malformed answer. */
  readonly openings: OpeningAnswer | null;
};

/** A piece that proved into a committed root, as a unit check needs it. */
export type OpenedPiece = {
  readonly sectorIndex: number;
  /** The committed root of its sector, 32 bytes. */
  readonly root: Uint8Array;
  /** Index of its unit in the partition. */
  readonly unitIndex: number;
  /** r of its unit, which a later declaration may change. */
  readonly chunksPerUnit: number;
  /** Index in the unit. */
  readonly pieceIndex: number;
  readonly piece: Uint8Array;
};

/** `opened` holds both pieces of every hop if the audit passed, and nothing otherwise. */
export type AuditResult = { readonly verdict: Verdict; readonly opened: readonly OpenedPiece[] };

/**
 * Verifies one audit but for its time.
 *
 * @returns `pass`, or `fail` with the fault and the place of the first hop at which anything is wrong.
 * @throws {RangeError} If the declaration holds no units: there is nothing to audit.
 */
export function verifyAudit(audit: AuditCase, profile: SealProfile = SEAL_PROFILE): AuditResult {
  if (audit.hopAnswer === null) return failed("malformed_hops", null);
  const stripeCount = declaredGeometry(audit.declaration, profile).stripeCount;
  const hops = walkHops(audit.nonce, audit.digest, audit.hopAnswer.links, stripeCount);
  return verifyOpenings(audit, hops, profile);
}

/**
 * The hops that a chain of digests leads to.
 *
 * @param chain What each hop's draw is fed with from the hop before: the answered links.
 * @param stripeCount Stripes declared.
 */
export function walkHops(nonce: Uint8Array, digest: Uint8Array, chain: readonly Uint8Array[], stripeCount: number): Hop[] {
  return Array.from({ length: HOPS_PER_AUDIT }, (_, i) => drawHop(nonce, digest, i, i === 0 ? new Uint8Array(0) : chain[i - 1]!, stripeCount));
}

/** Verifies that what was opened is what was committed and what was answered in time, hop by hop. */
export function verifyOpenings(audit: AuditCase, hops: readonly Hop[], profile: SealProfile = SEAL_PROFILE): AuditResult {
  const { declaration, nonce, hopAnswer, picks, openings } = audit;
  if (hopAnswer === null) return failed("malformed_hops", null);
  if (openings === null) return failed("malformed_openings", null);
  const geometry = declaredGeometry(declaration, profile);
  const opened: OpenedPiece[] = [];
  for (const [i, { stripeIndex, linkIndex }] of hops.entries()) {
    const sector = sectorOfStripe(geometry, stripeIndex);
    const root = declaration.roots[sector.index]!;
    const answered = { link: hopAnswer.links[i]!, root: hopAnswer.roots[i]! };
    const link = proofOf(openings.hops[i]!.link, linkIndex, stripeIndex, sector, root, nonce, answered.root);
    const pick = proofOf(openings.hops[i]!.pick, picks[i]!, stripeIndex, sector, root, nonce, answered.root);
    const found = faultOf(link, pick, answered.link);
    if (found) return failed(found.fault, { hop: i, stripeIndex, pieceIndex: found.proof.pieceInStripe });
    for (const proof of [link, pick]) {
      const origin = pieceOrigin(sector, stripeIndex - sector.firstStripe, proof.pieceInStripe);
      opened.push({ sectorIndex: sector.index, root, ...origin, chunksPerUnit: sector.chunksPerUnit, piece: proof.piece });
    }
  }
  return { verdict: { kind: "pass" }, opened };
}

/** What the two paths of one opening prove, each by itself. */
type Proof = {
  readonly piece: Uint8Array;
  readonly pieceInStripe: number;
  readonly saltedLeaf: Uint8Array;
  readonly isPathLengthRight: boolean;
  /** The piece leads to the salted root answered in time. */
  readonly isSalted: boolean;
  /** The piece leads to the committed root. */
  readonly isCommitted: boolean;
};

function proofOf(opening: Opening, pieceInStripe: number, stripeIndex: number, sector: Sector, committed: Uint8Array, nonce: Uint8Array, saltedRoot: Uint8Array): Proof {
  assertInteger(pieceInStripe, 0, PIECES_PER_STRIPE - 1, "pieceInStripe");
  const position = (stripeIndex - sector.firstStripe) * PIECES_PER_STRIPE + pieceInStripe;
  const saltedLeaf = saltedLeafHash(nonce, opening.piece);
  const salted = rootFromPath(saltedLeaf, pieceInStripe, PIECES_PER_STRIPE, opening.saltedPath);
  const root = rootFromPath(leafHash(opening.piece), position, sector.pieceCount, opening.path);
  return {
    piece: opening.piece,
    pieceInStripe,
    saltedLeaf,
    isPathLengthRight: opening.path.length === pathLength(position, sector.pieceCount) * saltedRoot.length,
    isSalted: salted !== null && equalBytes(salted, saltedRoot),
    isCommitted: root !== null && equalBytes(root, committed),
  };
}

/**
 * The fault of one hop, if any. Only if every proof holds is there none; the order below merely decides what is blamed:
 * one wrong byte in the piece breaks both its paths, in the salted root both openings, in a path or the link only itself.
 */
function faultOf(link: Proof, pick: Proof, answeredLink: Uint8Array): { fault: Fault; proof: Proof } | null {
  for (const proof of [link, pick]) {
    if (!proof.isPathLengthRight) return { fault: "path_length", proof };
    if (!proof.isCommitted) return { fault: proof.isSalted ? "commitment_mismatch" : "piece_mismatch", proof };
  }
  if (!link.isSalted && !pick.isSalted) return { fault: "root_mismatch", proof: link };
  for (const proof of [link, pick]) if (!proof.isSalted) return { fault: "salted_path_mismatch", proof };
  return equalBytes(link.saltedLeaf, answeredLink) ? null : { fault: "link_mismatch", proof: link };
}

function failed(fault: Fault, place: Place | null): AuditResult {
  return { verdict: { kind: "fail", fault, place }, opened: [] };
}
