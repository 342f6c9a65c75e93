import { describe, expect, test } from "bun:test";
import { answerHops, answerOpenings, decodeTranscript, drawPicks, encodeHopAnswer, encodeOpenings, encodeTranscript, newAudit, verifyTranscript, walkHops, type Transcript } from "../../lib/audit/mod.ts";
import { WIRE_LIMITS } from "../../lib/wire/mod.ts";
import { SeededRandom, seeds } from "../reference/random.ts";
import { referenceHashes } from "../reference/stripe.ts";
import { makePartition } from "./partition.ts";

const partition = makePartition(4);
const { profile } = partition;

async function transcript(seed: number): Promise<Transcript> {
  const source = new SeededRandom(seed);
  const random = (length: number) => source.bytes(length);
  const request = newAudit(random, partition.digest);
  const hopAnswer = await answerHops(partition.source, referenceHashes, request);
  const picks = drawPicks(random, walkHops(request.nonce, request.digest, hopAnswer.links, partition.geometry.stripeCount));
  const openings = encodeOpenings(await answerOpenings(partition.source, referenceHashes, { ...request, picks }));
  return {
    at: 1_700_000_000_000, declaration: { bytes: partition.declarationBytes, signature: new Uint8Array(64) }, nonce: request.nonce, hopAnswer: encodeHopAnswer(hopAnswer),
    elapsedMs: 180.5, deadlineMs: 1040, picks, openings, verdict: { kind: "pass" },
  };
}

describe("encodeTranscript() and decodeTranscript()", () => {
  test("come back as they were, with and without answers", async () => {
    const full = await transcript(1);
    const none: Transcript = { ...full, hopAnswer: null, elapsedMs: null, picks: [], openings: null, verdict: { kind: "offline" } };
    for (const each of [full, none]) expect(decodeTranscript(encodeTranscript(each))).toEqual(each);
  });

  test("come back when every part is as long as the wire lets it be", async () => {
    const { Hops, Openings, Declaration } = WIRE_LIMITS.synapses;
    const full = await transcript(1);
    const longest: Transcript = {
      ...full, declaration: { bytes: new Uint8Array(Declaration.responseBytesMax - 64), signature: new Uint8Array(64) }, hopAnswer: new Uint8Array(Hops.responseBytesMax),
      openings: new Uint8Array(Openings.responseBytesMax), verdict: { kind: "fail", fault: "commitment_mismatch", place: { hop: 15, stripeIndex: 2 ** 40, pieceIndex: 127 } },
    };
    expect(decodeTranscript(encodeTranscript(longest))).toEqual(longest);
  });

  test("decodeTranscript() gives null for anything else, whatever field is wrong", async () => {
    const json = JSON.parse(encodeTranscript(await transcript(1)));
    for (const field of Object.keys(json)) {
      for (const wrong of [undefined, 5.5, -1, "?", {}, [1]]) {
        if (field === "openings" || field === "hopAnswer" ? wrong === undefined : (field === "at" || field === "elapsedMs" || field === "deadlineMs") && wrong === 5.5) continue;
        expect(decodeTranscript(JSON.stringify({ ...json, [field]: wrong })), `${field}: ${JSON.stringify(wrong)}`).toBeNull();
      }
    }
    for (const verdict of [{ kind: "fail", fault: "\u001b[2J", place: null }, { kind: "fail", fault: "silent", place: { hop: 1 } }, { kind: "late" }, { kind: "ok" }]) {
      expect(decodeTranscript(JSON.stringify({ ...json, verdict }))).toBeNull();
    }
    expect(decodeTranscript(JSON.stringify({ ...json, verdict: { kind: "pass", note: "?" } }))!.verdict).toEqual({ kind: "pass" });
    for (const text of ["", "null", "[]", "{", "5", "x".repeat(10_000_000)]) expect(decodeTranscript(text)).toBeNull();
  });
});

describe("verifyTranscript()", () => {
  const check = (each: Transcript) => verifyTranscript(decodeTranscript(encodeTranscript(each))!, null, profile);

  test("recomputes a pass from the text alone", async () => {
    expect(check(await transcript(1))).toEqual({ isSigned: null, verdict: { kind: "pass" }, agrees: true });
  });

  test("shows a failure to be one, and a pass that hides a failure not to follow", async () => {
    for (const seed of seeds(5)) {
      const honest = await transcript(seed);
      const openings = honest.openings!.slice();
      openings[new SeededRandom(seed).below(2048)]! ^= 1;
      const { verdict } = check({ ...honest, openings })!;
      expect(verdict, `seed ${seed}`).toMatchObject({ kind: "fail", fault: "piece_mismatch", place: { hop: 0 } });
      expect(check({ ...honest, openings })!.agrees).toBe(false);
      expect(check({ ...honest, openings, verdict: verdict! })!.agrees).toBe(true);
      expect(check({ ...honest, verdict: verdict! })!.agrees).toBe(false);
    }
  });

  test("judges a malformed hop answer, and lateness, silence and absence by what is there", async () => {
    const honest = await transcript(1);
    const malformed: Transcript = { ...honest, hopAnswer: new Uint8Array(5), picks: [], openings: null, verdict: { kind: "fail", fault: "malformed_hops", place: null } };
    expect(check(malformed)).toMatchObject({ verdict: malformed.verdict, agrees: true });
    const late = { kind: "late", elapsedMs: 2000, deadlineMs: 1040 } as const;
    expect(check({ ...honest, elapsedMs: 2000, verdict: late })!.agrees).toBe(true);
    expect(check({ ...honest, hopAnswer: null, elapsedMs: null, picks: [], openings: null, verdict: late })!.agrees).toBe(true);
    expect(check({ ...honest, verdict: late })!.agrees).toBe(false);
    expect(check({ ...honest, elapsedMs: 2000 })!.agrees).toBe(false);
    expect(check({ ...honest, openings: null, verdict: { kind: "fail", fault: "silent", place: null } })!.agrees).toBe(true);
    expect(check({ ...honest, verdict: { kind: "fail", fault: "silent", place: null } })!.agrees).toBe(false);
    expect(check({ ...honest, verdict: { kind: "offline" } })!.agrees).toBe(false);
  });

  test("says whether the declaration is signed, if it can be checked", async () => {
    const honest = await transcript(1);
    expect(verifyTranscript(honest, () => true, profile)!.isSigned).toBe(true);
    expect(verifyTranscript(honest, () => false, profile)!.isSigned).toBe(false);
  });
});
