/**
 * One audit over the wire (DESIGN section 5): the timed hops, then the openings, asked until they come.
 *
 * The verdict over time falls when the hop answer is in; the openings run beside whatever comes next. Everything about
 * bytes is `lib/audit/verify.ts`; this file only moves them and says which silence means what.
 */
import type { Clock, Windows } from "../core/mod.ts";
import { WORKER_LAG_MAX_MS } from "../core/mod.ts";
import {
  type AuditCase, type AuditResult, type Declaration, type HopAnswer, type HopRequest, type RandomBytes, type Verdict,
  decodeHopAnswer, decodeOpenings, drawPicks, declaredGeometry, encodeHopRequest, encodeOpeningRequest, timeVerdict, verifyAudit, walkHops,
} from "../audit/mod.ts";
import type { Dendrite, Outcome, Peer } from "../wire/mod.ts";

/** The declaration in force at the audit's request, and its digest. */
export type Declared = { readonly declaration: Declaration; readonly digest: Uint8Array };

/** How the timed half ended: with a verdict (`body` is what came, if anything), or with an answer in time whose openings are to be asked for. */
export type HopsResult =
  | { readonly kind: "verdict"; readonly verdict: Verdict; readonly elapsedMs: number; readonly body: Uint8Array | null }
  | { readonly kind: "answered"; readonly hopAnswer: HopAnswer; readonly elapsedMs: number }
  | { readonly kind: "cancelled" };

/** Openings are asked again after this pause, doubling up to the second figure, for ten protocol minutes. */
const RETRY_MS = 500;
const RETRY_MS_MAX = 30_000;
const OPENINGS_MINUTES = 10;
/** One attempt at the openings may take this long; about 90 KB have to come over a slow line. */
const OPENINGS_ATTEMPT_MS = 20_000;
/** Waited past the deadline before the connection is given up, so that a late answer is seen to be late, not lost. */
const GRACE_MS = 50;

/**
 * Asks for the hops and times the answer.
 *
 * @param deadlineMs What the answer may take, from before the first byte out to after the last byte in.
 */
export async function askHops(dendrite: Dendrite, peer: Peer, request: HopRequest, deadlineMs: number, signal: AbortSignal): Promise<HopsResult> {
  const outcome = await dendrite.call(peer, "Hops", encodeHopRequest(request), { timeoutMs: Math.ceil(deadlineMs + GRACE_MS), signal });
  if (outcome.kind === "cancelled") return { kind: "cancelled" };
  const { elapsedMs } = outcome;
  const body = outcome.kind === "ok" ? outcome.body : null;
  const verdict = silenceVerdict(outcome, deadlineMs);
  if (verdict !== null) return { kind: "verdict", verdict, elapsedMs, body };
  const hopAnswer = body && decodeHopAnswer(body);
  if (!hopAnswer) return { kind: "verdict", verdict: { kind: "fail", fault: "malformed_hops", place: null }, elapsedMs, body };
  return { kind: "answered", hopAnswer, elapsedMs };
}

/** What everything but a well-formed answer in time amounts to; null for an answer in time, whatever it holds. */
function silenceVerdict(outcome: Exclude<Outcome, { kind: "cancelled" }>, deadlineMs: number): Verdict | null {
  if (outcome.lagMs > WORKER_LAG_MAX_MS) return { kind: "unknown" };
  switch (outcome.kind) {
    case "offline":
      return { kind: "offline" };
    case "late":
      return { kind: "late", elapsedMs: outcome.elapsedMs, deadlineMs };
    case "refused":
      // A refusal nobody signed may be anybody's who sits at the address: the hotkey itself is not there.
      return outcome.isSigned ? { kind: "fail", fault: "refused", place: null } : { kind: "offline" };
    case "badAnswer":
      // Nor is anything else that it did not sign: a captive portal answers for every miner at once.
      return { kind: "offline" };
    case "ok":
      return timeVerdict(outcome.elapsedMs, outcome.lagMs, deadlineMs);
  }
}

/**
 * Asks for the openings of an answer that came in time, and verifies all of it.
 *
 * The picks are drawn once; the same are asked again until an answer comes or the time is over, since it cannot improve.
 * The miner may move meanwhile: its address is looked up for each attempt.
 *
 * @returns The picks, the openings as received (null if none came) and what they amount to; null if `signal` ended it.
 */
export async function askOpenings(
  dendrite: Dendrite, peer: { readonly address: Peer }, declared: Declared, request: HopRequest, hopAnswer: HopAnswer,
  tools: { random: RandomBytes; clock: Clock; windows: Windows; signal: AbortSignal },
): Promise<{ picks: readonly number[]; body: Uint8Array | null; result: AuditResult } | null> {
  const { random, clock, windows, signal } = tools;
  const { stripeCount } = declaredGeometry(declared.declaration);
  const picks = drawPicks(random, walkHops(request.nonce, request.digest, hopAnswer.links, stripeCount));
  const answered = await repeatOpenings(dendrite, peer, encodeOpeningRequest({ ...request, picks }), clock, OPENINGS_MINUTES * windows.minuteMs, signal);
  if (answered === "cancelled") return null;
  if (answered === "silent") return { picks, body: null, result: { verdict: { kind: "fail", fault: "silent", place: null }, opened: [] } };
  const audit: AuditCase = { declaration: declared.declaration, digest: declared.digest, nonce: request.nonce, hopAnswer, picks, openings: decodeOpenings(answered) };
  return { picks, body: answered, result: verifyAudit(audit) };
}

async function repeatOpenings(
  dendrite: Dendrite, peer: { readonly address: Peer }, body: Uint8Array, clock: Clock, patienceMs: number, signal: AbortSignal,
): Promise<Uint8Array | "silent" | "cancelled"> {
  const endMs = clock.monotonic() + patienceMs;
  for (let pauseMs = RETRY_MS; ; pauseMs = Math.min(RETRY_MS_MAX, 2 * pauseMs)) {
    const outcome = await dendrite.call(peer.address, "Openings", body, { timeoutMs: OPENINGS_ATTEMPT_MS, signal });
    if (outcome.kind === "ok") return outcome.body;
    if (outcome.kind === "cancelled") return "cancelled";
    if (clock.monotonic() + pauseMs > endMs) return "silent";
    try {
      await clock.sleep(pauseMs, signal);
    } catch {
      return "cancelled";
    }
  }
}
