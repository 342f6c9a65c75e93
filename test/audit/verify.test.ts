import { describe, expect, test } from "bun:test";
import { sealSeed, sectorAt, unitSpec } from "../../lib/space/mod.ts";
import { answerHops, answerOpenings, decodeHopAnswer, decodeOpenings, drawPicks, encodeHopAnswer, encodeOpenings, newAudit, verifyAudit, walkHops, type AuditCase } from "../../lib/audit/mod.ts";
import { SeededRandom, seeds } from "../reference/random.ts";
import { referenceHashes } from "../reference/stripe.ts";
import { MINER, VALIDATOR, fakeUnit, makePartition, type TestPartition } from "./partition.ts";

const partition = makePartition(4);
const { profile } = partition;

/** One whole audit of an honest miner, through the octets. */
async function audit(random: SeededRandom, of: TestPartition = partition): Promise<AuditCase> {
  const bytes = (length: number) => random.bytes(length);
  const request = newAudit(bytes, of.digest);
  const hopAnswer = decodeHopAnswer(encodeHopAnswer(await answerHops(of.source, referenceHashes, request)))!;
  const picks = drawPicks(bytes, walkHops(request.nonce, request.digest, hopAnswer.links, of.geometry.stripeCount));
  const openings = decodeOpenings(encodeOpenings(await answerOpenings(of.source, referenceHashes, { ...request, picks })))!;
  return { declaration: partition.declaration, digest: of.digest, nonce: request.nonce, hopAnswer, picks, openings };
}

/** Where hop `hop` of a case lands. */
function hopOf({ nonce, digest, hopAnswer }: AuditCase, hop: number) {
  return walkHops(nonce, digest, hopAnswer!.links, partition.geometry.stripeCount)[hop]!;
}

function flip(bytes: Uint8Array, random: SeededRandom): void {
  bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
}

describe("verifyAudit()", () => {
  test("passes an honest answer and gives back 32 pieces with the units they come from", async () => {
    for (const seed of seeds(5)) {
      const { verdict, opened } = verifyAudit(await audit(new SeededRandom(seed)), profile);
      expect(verdict, `seed ${seed}`).toEqual({ kind: "pass" });
      expect(opened).toHaveLength(32);
      for (const { sectorIndex, root, unitIndex, chunksPerUnit, pieceIndex, piece } of opened) {
        const unit = fakeUnit(unitSpec(sealSeed(MINER, VALIDATOR), 1, unitIndex, chunksPerUnit, profile));
        expect(Buffer.compare(piece, unit.subarray(pieceIndex * 2048, (pieceIndex + 1) * 2048)), `seed ${seed}`).toBe(0);
        expect(root).toEqual(partition.declaration.roots[sectorIndex]!);
      }
    }
  });

  // What is flipped, what is blamed, and whether the link piece or the pick is named.
  const tampering = [
    ["a link", "link_mismatch", "link", (c: AuditCase, hop: number) => c.hopAnswer!.links[hop]!],
    ["a salted root", "root_mismatch", "link", (c: AuditCase, hop: number) => c.hopAnswer!.roots[hop]!],
    ["a link piece", "piece_mismatch", "link", (c: AuditCase, hop: number) => c.openings!.hops[hop]!.link.piece],
    ["a picked piece", "piece_mismatch", "pick", (c: AuditCase, hop: number) => c.openings!.hops[hop]!.pick.piece],
    ["the link's salted path", "salted_path_mismatch", "link", (c: AuditCase, hop: number) => c.openings!.hops[hop]!.link.saltedPath],
    ["the pick's salted path", "salted_path_mismatch", "pick", (c: AuditCase, hop: number) => c.openings!.hops[hop]!.pick.saltedPath],
    ["the link's path", "commitment_mismatch", "link", (c: AuditCase, hop: number) => c.openings!.hops[hop]!.link.path],
    ["the pick's path", "commitment_mismatch", "pick", (c: AuditCase, hop: number) => c.openings!.hops[hop]!.pick.path],
  ] as const;
  for (const [what, fault, named, partOf] of tampering) {
    test(`blames ${fault} at its hop, stripe and piece for any flipped bit in ${what}`, async () => {
      for (const seed of seeds(8)) {
        const random = new SeededRandom(seed);
        const tampered = await audit(random);
        const hop = random.below(16);
        const { stripeIndex, linkIndex } = hopOf(tampered, hop);
        flip(partOf(tampered, hop), random);
        const pieceIndex = named === "link" ? linkIndex : tampered.picks[hop]!;
        expect(verifyAudit(tampered, profile), `seed ${seed}, hop ${hop}`).toEqual({
          verdict: { kind: "fail", fault, place: { hop, stripeIndex, pieceIndex } },
          opened: [],
        });
      }
    });
  }

  test("blames path_length for a path one sibling short or long", async () => {
    const random = new SeededRandom(1);
    const honest = await audit(random);
    for (const change of [-32, 32]) {
      const hops = honest.openings!.hops.map((both, i) => {
        const path = new Uint8Array(both.pick.path.length + change);
        path.set(both.pick.path.subarray(0, path.length));
        return i === 9 ? { ...both, pick: { ...both.pick, path } } : both;
      });
      expect(verifyAudit({ ...honest, openings: { hops } }, profile).verdict).toMatchObject({ kind: "fail", fault: "path_length", place: { hop: 9 } });
    }
  });

  test("blames malformed answers, which decoders give as null", async () => {
    const honest = await audit(new SeededRandom(1));
    expect(verifyAudit({ ...honest, hopAnswer: null }, profile).verdict).toEqual({ kind: "fail", fault: "malformed_hops", place: null });
    expect(verifyAudit({ ...honest, openings: null }, profile).verdict).toEqual({ kind: "fail", fault: "malformed_openings", place: null });
  });

  test("refuses an answer to another nonce, under another D, and to other picks", async () => {
    for (const seed of seeds(5)) {
      const random = new SeededRandom(seed);
      const honest = await audit(random);
      for (const foreign of [
        { ...honest, nonce: random.bytes(32) },
        { ...honest, digest: random.bytes(32) },
        { ...honest, picks: honest.picks.map((pick, i) => (i === 3 ? (pick + 1) % 128 : pick)) },
      ]) expect(verifyAudit(foreign, profile).verdict.kind, `seed ${seed}`).toBe("fail");
    }
  });

  test("refuses a chain that does not follow from its links, though every piece and path in it is right", async () => {
    const [first, second] = [await audit(new SeededRandom(1)), await audit(new SeededRandom(2))];
    const splice = <Item>(a: readonly Item[], b: readonly Item[]) => [...a.slice(0, 8), ...b.slice(8)];
    const spliced: AuditCase = {
      ...first,
      hopAnswer: { links: splice(first.hopAnswer!.links, second.hopAnswer!.links), roots: splice(first.hopAnswer!.roots, second.hopAnswer!.roots) },
      openings: { hops: splice(first.openings!.hops, second.openings!.hops) },
    };
    expect(verifyAudit(spliced, profile).verdict).toMatchObject({ kind: "fail", place: { hop: 8 } });
  });

  test("finds a rotten byte anywhere in a visited stripe, opened or not", async () => {
    for (const seed of seeds(5)) {
      const random = new SeededRandom(seed);
      const rotten = makePartition(1);
      const honest = makePartition(1);
      // One unit of four stripes: sixteen hops visit each of them with certainty enough for any seed used here.
      flip(rotten.data, random);
      const { verdict } = verifyAudit({ ...(await audit(random, rotten)), declaration: honest.declaration }, profile);
      expect(verdict, `seed ${seed}`).toMatchObject({ kind: "fail", fault: "commitment_mismatch" });
    }
  });

  test("throws on a declaration of nothing: there is nothing to audit", async () => {
    const honest = await audit(new SeededRandom(1));
    const nothing = { ...honest.declaration, unitCount: 0, roots: [] };
    expect(() => verifyAudit({ ...honest, declaration: nothing }, profile)).toThrow(RangeError);
  });
});

describe("answerHops() and answerOpenings()", () => {
  test("read the stripes of the walk, one strictly after another", async () => {
    const random = new SeededRandom(3);
    const read: number[] = [];
    let reading = 0;
    const source = {
      ...partition.source,
      readStripe: async (index: number) => {
        expect(reading++).toBe(0);
        read.push(index);
        const stripe = await partition.source.readStripe(index);
        reading--;
        return stripe;
      },
    };
    const request = newAudit((length) => random.bytes(length), partition.digest);
    const answer = await answerHops(source, referenceHashes, request);
    expect(read).toEqual(walkHops(request.nonce, request.digest, answer.links, partition.geometry.stripeCount).map(({ stripeIndex }) => stripeIndex));
  });

  test("give the same openings when asked again", async () => {
    const random = new SeededRandom(4);
    const request = { ...newAudit((length) => random.bytes(length), partition.digest), picks: Array.from({ length: 16 }, () => random.below(128)) };
    const [once, again] = [await answerOpenings(partition.source, referenceHashes, request), await answerOpenings(partition.source, referenceHashes, request)];
    expect(Buffer.compare(encodeOpenings(once), encodeOpenings(again))).toBe(0);
  });

  test("work for every sector of a lopsided partition", () => {
    expect([sectorAt(partition.geometry, 0).stripeCount, sectorAt(partition.geometry, 1).stripeCount]).toEqual([12, 4]);
  });
});
