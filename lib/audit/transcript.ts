/**
 * One audit as a text that anyone can check anywhere: everything both sides said, in JSON, octets in base64.
 *
 * What it proves: that these openings do or do not fit this declaration under this nonce and these picks. What it cannot
 * prove is time, and who sent the answers: those are the validator's word.
 */
import { DIGEST_BYTES, HOPS_PER_AUDIT, PIECES_PER_STRIPE, SEAL_PROFILE, type SealProfile } from "../core/mod.ts";
import { SIGNED_DECLARATION_BYTES_MAX, declarationDigest, openDeclaration, decodeDeclaration, type SignedDeclaration, type VerifySignature } from "./declaration.ts";
import { OPENING_ANSWER_BYTES_MAX, decodeHopAnswer, decodeOpenings } from "./message.ts";
import { verifyAudit } from "./verify.ts";
import { FAULTS, type Place, type Verdict } from "./verdict.ts";

/** Everything said in one audit, as octets on the wire. */
export type Transcript = {
  /** Wall clock of the request, milliseconds. */
  readonly at: number;
  readonly declaration: SignedDeclaration;
  readonly nonce: Uint8Array;
  /** As received; null if none came. */
  readonly hopAnswer: Uint8Array | null;
  readonly elapsedMs: number | null;
  readonly deadlineMs: number;
  /** Empty if none were drawn. */
  readonly picks: readonly number[];
  /** As received; null if none came or none were asked for. */
  readonly openings: Uint8Array | null;
  /** What the validator made of it. */
  readonly verdict: Verdict;
};

/** What checking a transcript gives. */
export type TranscriptResult = {
  /** Whether the declaration carries its miner's signature; null if no way to check it was given. */
  readonly isSigned: boolean | null;
  /** What the answers themselves amount to; null if there are none to judge. */
  readonly verdict: Verdict | null;
  /** Whether the recorded verdict follows: the same fault at the same place, or a time or silence that only the validator saw. */
  readonly agrees: boolean;
};

const FORMAT = "btstore-audit/1";

/** Hop answers of a wrong length are kept too; the wire takes up to this many bytes of one, and no openings beyond their maximum. */
const HOP_BODY_BYTES_MAX = 4096;

/** Longest text taken, in characters: the largest parts in base64 and room for the rest. */
const TEXT_MAX = Math.ceil(((SIGNED_DECLARATION_BYTES_MAX + HOP_BODY_BYTES_MAX + OPENING_ANSWER_BYTES_MAX) * 4) / 3) + 4096;

/** Writes a transcript as JSON. */
export function encodeTranscript(transcript: Transcript): string {
  return joinTranscript(encodeTranscriptBody(transcript), transcript.declaration);
}

/** Writes all of a transcript but its declaration, which `joinTranscript` adds. */
export function encodeTranscriptBody({ at, nonce, hopAnswer, elapsedMs, deadlineMs, picks, openings, verdict }: Omit<Transcript, "declaration">): string {
  return JSON.stringify({
    format: FORMAT,
    at,
    nonce: base64(nonce),
    hopAnswer: hopAnswer && base64(hopAnswer),
    elapsedMs,
    deadlineMs,
    picks,
    openings: openings && base64(openings),
    verdict,
  });
}

/**
 * Makes a transcript whole.
 *
 * @param body What `encodeTranscriptBody` wrote.
 */
export function joinTranscript(body: string, declaration: SignedDeclaration): string {
  const signed = JSON.stringify({ declaration: base64(declaration.bytes), declarationSignature: base64(declaration.signature) });
  return `${body.slice(0, -1)},${signed.slice(1)}`;
}

/** Reads a transcript from anyone; null if it is none. Nothing of the text is taken over but what the type names. */
export function decodeTranscript(text: string): Transcript | null {
  if (text.length > TEXT_MAX) return null;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(json) || json["format"] !== FORMAT) return null;
  const { at, elapsedMs, deadlineMs, picks } = json;
  const verdict = parseVerdict(json["verdict"]);
  const bytes = fromBase64(json["declaration"]);
  const signature = fromBase64(json["declarationSignature"]);
  const nonce = fromBase64(json["nonce"]);
  const hopAnswer = json["hopAnswer"] === null ? null : fromBase64(json["hopAnswer"]);
  const openings = json["openings"] === null ? null : fromBase64(json["openings"]);
  if (!bytes || !signature || nonce?.length !== DIGEST_BYTES || hopAnswer === undefined || openings === undefined) return null;
  if (!isAmount(at) || !isAmount(deadlineMs) || (elapsedMs !== null && !isAmount(elapsedMs))) return null;
  if (!isPicks(picks) || verdict === null) return null;
  return { at, declaration: { bytes, signature }, nonce, hopAnswer, elapsedMs, deadlineMs, picks, openings, verdict };
}

/**
 * Checks a transcript from nothing but itself.
 *
 * @param verifySignature sr25519, if at hand; without it the answers are still checked against the declaration.
 * @returns null if its declaration is malformed or declares nothing.
 */
export function verifyTranscript(transcript: Transcript, verifySignature: VerifySignature | null, profile: SealProfile = SEAL_PROFILE): TranscriptResult | null {
  const { declaration: signed, nonce, picks } = transcript;
  const declaration = decodeDeclaration(signed.bytes, profile);
  if (declaration === null || declaration.unitCount === 0) return null;
  const isSigned = verifySignature && openDeclaration(signed, declaration, verifySignature, profile).kind === "ok";
  const hopAnswer = transcript.hopAnswer && decodeHopAnswer(transcript.hopAnswer);
  const openings = transcript.openings && decodeOpenings(transcript.openings);
  let verdict: Verdict | null = null;
  if (transcript.hopAnswer !== null && (hopAnswer === null || (transcript.openings !== null && picks.length === HOPS_PER_AUDIT))) {
    verdict = verifyAudit({ declaration, digest: declarationDigest(signed.bytes), nonce, hopAnswer, picks, openings }, profile).verdict;
  }
  return { isSigned, verdict, agrees: follows(transcript, verdict) };
}

/** Whether the recorded verdict can follow from what the answers amount to. */
function follows({ verdict: recorded, elapsedMs, deadlineMs, hopAnswer, openings }: Transcript, verdict: Verdict | null): boolean {
  switch (recorded.kind) {
    case "pass":
      return verdict?.kind === "pass" && elapsedMs !== null && elapsedMs <= deadlineMs;
    case "late":
      return (elapsedMs ?? recorded.elapsedMs) > deadlineMs;
    case "fail":
      if (recorded.fault === "refused") return hopAnswer === null || openings === null;
      if (recorded.fault === "silent") return hopAnswer !== null && openings === null;
      return verdict?.kind === "fail" && verdict.fault === recorded.fault && samePlace(verdict.place, recorded.place);
    case "offline":
      return hopAnswer === null;
    case "unknown":
      return true;
  }
}

function samePlace(left: Place | null, right: Place | null): boolean {
  return left?.hop === right?.hop && left?.stripeIndex === right?.stripeIndex && left?.pieceIndex === right?.pieceIndex;
}

function base64(bytes: Uint8Array): string {
  return bytes.toBase64();
}

/** Undefined if it is no base64. */
function fromBase64(value: unknown): Uint8Array | undefined {
  if (typeof value !== "string") return undefined;
  try {
    return Uint8Array.fromBase64(value, { lastChunkHandling: "strict" });
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function isPicks(value: unknown): value is number[] {
  if (!Array.isArray(value) || (value.length !== 0 && value.length !== HOPS_PER_AUDIT)) return false;
  return value.every((pick) => Number.isInteger(pick) && pick >= 0 && pick < PIECES_PER_STRIPE);
}

function parseVerdict(value: unknown): Verdict | null {
  if (!isRecord(value)) return null;
  const { kind, elapsedMs, deadlineMs } = value;
  switch (kind) {
    case "pass":
    case "offline":
    case "unknown":
      return { kind };
    case "late":
      return isAmount(elapsedMs) && isAmount(deadlineMs) ? { kind, elapsedMs, deadlineMs } : null;
    case "fail": {
      const fault = FAULTS.find((known) => known === value["fault"]);
      const place = value["place"] === null ? null : parsePlace(value["place"]);
      return fault === undefined || place === undefined ? null : { kind, fault, place };
    }
    default:
      return null;
  }
}

/** Undefined if it is no place. */
function parsePlace(value: unknown): Place | undefined {
  if (!isRecord(value)) return undefined;
  const { hop, stripeIndex, pieceIndex } = value;
  return isAmount(hop) && isAmount(stripeIndex) && isAmount(pieceIndex) ? { hop, stripeIndex, pieceIndex } : undefined;
}
