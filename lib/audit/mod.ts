/**
 * Audit: what a miner declares, how it is challenged, answers and is verified, and what it earns by it (DESIGN section 5).
 *
 * Everything is pure but the ledger. Verification needs @noble alone, so that anyone can check a transcript anywhere; keys,
 * sockets and disks come in as functions.
 */
export { answerHops, answerOpenings, type StripeHashes, type StripeSource } from "./answer.ts";
export { drawPicks, newAudit, uniform, type RandomBytes } from "./challenge.ts";
export {
  SIGNED_DECLARATION_BYTES_MAX, declarationDigest, declarationMessage, declaredGeometry, decodeDeclaration, decodeSignedDeclaration, encodeDeclaration,
  encodeSignedDeclaration, openDeclaration, type Declaration, type DeclarationFault, type SignedDeclaration, type VerifySignature,
} from "./declaration.ts";
export { judgeMismatches, type Guilt, type Mismatch } from "./fraud.ts";
export { Ledger, readLedgerView, type AuditRecord, type DeclarationOutcome, type LedgerSummary, type LedgerView, type StandingDeclaration, type UnitCheckRecord } from "./ledger.ts";
export {
  HOP_ANSWER_BYTES, HOP_REQUEST_BYTES, NOTICE_BYTES, OPENING_ANSWER_BYTES_MAX, OPENING_REQUEST_BYTES, decodeHopAnswer, decodeHopRequest, decodeNotice,
  decodeOpeningRequest, decodeOpenings, encodeHopAnswer, encodeHopRequest, encodeNotice, encodeOpeningRequest, encodeOpenings, type HopAnswer, type HopRequest, type Notice,
  type Opening, type OpeningAnswer, type OpeningRequest,
} from "./message.ts";
export { meanAuditDelay, nextAuditDelay } from "./schedule.ts";
export { auditFactorOf, countedBytesOf, score, scoreNetwork, unknownShare, weights, wilsonLower, type History, type HourTally, type Score } from "./score.ts";
export { decodeTranscript, encodeTranscript, verifyTranscript, type Transcript, type TranscriptResult } from "./transcript.ts";
export { UnitCheckDraw, checkUnit, type ComputeUnit, type ConfirmTag, type DrawState, type UnitCheckResult } from "./unitcheck.ts";
export { deadline, outcomeOf, timeVerdict, type Fault, type Outcome, type Place, type Verdict, type VerdictKind } from "./verdict.ts";
export { verifyAudit, verifyOpenings, walkHops, type AuditCase, type AuditResult, type OpenedPiece } from "./verify.ts";
