/**
 * A few hours of audits of one miner by a validator made of the real parts: schedule, challenge, verification, unit
 * checks, ledger, score. Each defence can be left out, to show that a cheat then earns; the product has no such choice.
 */
import { Database } from "bun:sqlite";
import { HOPS_PER_AUDIT, windowsFor } from "../../lib/core/mod.ts";
import { pieceOrigin, sealSeed, sectorOfStripe, unitSpec, type Hop } from "../../lib/space/mod.ts";
import {
  Ledger, UnitCheckDraw, checkUnit, deadline, decodeHopAnswer, decodeOpenings, drawPicks, encodeHopAnswer, encodeOpenings, newAudit, nextAuditDelay, score, timeVerdict,
  verifyOpenings, walkHops, type AuditCase, type AuditResult,
} from "../../lib/audit/mod.ts";
import { MINER, VALIDATOR, computeFakeUnit, confirmFakeTag } from "../audit/partition.ts";
import { SeededRandom } from "../reference/random.ts";
import type { SimMiner } from "./miners.ts";

/** What a validator defends itself with. */
export type Defences = {
  /** Late answers are misses. */
  readonly deadline: boolean;
  /** Openings are held against the answer given in time and against the commitment. */
  readonly openings: boolean;
  /** Units are recomputed. */
  readonly unitChecks: boolean;
  /** Hops are drawn from links; otherwise from salted roots. */
  readonly linkChain: boolean;
};

export const ALL_DEFENCES: Defences = { deadline: true, openings: true, unitChecks: true, linkChain: true };

const HOURS = 2;
const ROUND_TRIP_MS = 30;

/** The share of its declared bytes that a miner, declared a day before, is credited with after two hours of audits. */
export async function earnedShare(miner: SimMiner, defences: Defences, seed: number): Promise<number> {
  const { declaration, declarationBytes, digest, geometry, profile } = miner.partition;
  const source = new SeededRandom(seed);
  const random = (length: number) => source.bytes(length);
  const windows = windowsFor(12_000);
  const ledger = new Ledger(new Database(":memory:"), windows, profile);
  const start = 100 * windows.dayMs;
  ledger.accept({ bytes: declarationBytes, signature: new Uint8Array(64) }, declaration, start - windows.dayMs);
  const checks = new UnitCheckDraw(random, windows, start);
  const check = async (at: number) => {
    const chosen = checks.take(at);
    if (!chosen) return;
    const spec = unitSpec(sealSeed(MINER, VALIDATOR), declaration.netuid, chosen.unitIndex, chosen.chunksPerUnit, profile);
    const result = await checkUnit(chosen, spec, computeFakeUnit, confirmFakeTag);
    ledger.recordUnitCheck({ ...chosen, at, isMatch: result === "match" || !defences.unitChecks });
  };
  const end = start + HOURS * windows.hourMs;
  for (let at = start; at < end; at += nextAuditDelay(geometry.byteLength, windows, random)) {
    await check(at);
    const request = newAudit(random, digest);
    const { answer, elapsedMs } = await miner.hops(request);
    const late = timeVerdict(elapsedMs, 0, deadline([ROUND_TRIP_MS]));
    let verdict = defences.deadline ? late : null;
    if (!verdict) {
      const hopAnswer = decodeHopAnswer(encodeHopAnswer(answer))!;
      const hops = walkHops(request.nonce, digest, defences.linkChain ? hopAnswer.links : hopAnswer.roots, geometry.stripeCount);
      const picks = drawPicks(random, hops);
      const openings = decodeOpenings(encodeOpenings(await miner.openings({ ...request, picks })));
      const audit: AuditCase = { declaration, digest, nonce: request.nonce, hopAnswer, picks, openings };
      const result = defences.openings ? verifyOpenings(audit, hops, profile) : believeOpenings(audit, hops, miner);
      checks.offer(result.opened);
      verdict = result.verdict;
    }
    ledger.recordAudit({ at, verdict, elapsedMs, transcript: null });
  }
  await check(end);
  return score(ledger.history(end), windows, end, 0).bytes / geometry.byteLength;
}

/** Takes the pieces for what they should be. */
function believeOpenings({ declaration, picks, openings }: AuditCase, hops: readonly Hop[], { partition }: SimMiner): AuditResult {
  const opened = Array.from({ length: HOPS_PER_AUDIT }, (_, i) => {
    const { stripeIndex, linkIndex } = hops[i]!;
    const sector = sectorOfStripe(partition.geometry, stripeIndex);
    const believe = (piece: Uint8Array, pieceInStripe: number) => ({
      sectorIndex: sector.index,
      root: declaration.roots[sector.index]!,
      ...pieceOrigin(sector, stripeIndex - sector.firstStripe, pieceInStripe),
      chunksPerUnit: sector.chunksPerUnit,
      piece,
    });
    return [believe(openings!.hops[i]!.link.piece, linkIndex), believe(openings!.hops[i]!.pick.piece, picks[i]!)];
  });
  return { verdict: { kind: "pass" }, opened: opened.flat() };
}
