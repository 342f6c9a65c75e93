/**
 * What an audit costs: verifying it with @noble, and answering it from page cache. Expected limit: SHA-256 over 2 KiB
 * pieces, 64 of them verified and 6,144 answered, of which the native core does some 10 bytes per cycle.
 *
 * Paths have their full length: every stripe of the declared sectors holds the same 256 KiB, so that a sector of 4 GiB and
 * its root cost nothing. `bun test/bench/audit.ts [rounds]`; tiny under the test command.
 */
import { cpus } from "node:os";
import { STRIPE_BYTES, concat } from "../../lib/core/mod.ts";
import { pieceTree, saltedTree } from "../../lib/native/mod.ts";
import { merklePath, merkleRoot } from "../../lib/space/mod.ts";
import {
  answerHops, answerOpenings, declarationDigest, decodeHopAnswer, decodeOpenings, drawPicks, encodeDeclaration, encodeHopAnswer, encodeOpenings, newAudit, verifyAudit,
  walkHops, type Declaration, type StripeSource,
} from "../../lib/audit/mod.ts";
import { GENESIS, MINER, VALIDATOR } from "../audit/partition.ts";
import { SeededRandom } from "../reference/random.ts";

const SECTORS = 2400;
const STRIPES_PER_SECTOR = 16_384;

/** Milliseconds of each audit, bytes of one audit's answers, and SHA-256 over all answers in hex. */
export type AuditFigures = { hops: number[]; openings: number[]; verify: number[]; bytes: number; digest: string };

/** Runs whole audits of a declaration of 9.4 TiB, and throws if one does not pass. */
export async function measureAudits(rounds: number): Promise<AuditFigures> {
  const random = new SeededRandom(1);
  const bytes = (length: number) => random.bytes(length);
  const stripe = random.bytes(STRIPE_BYTES);
  const stripeRoot = pieceTree(stripe).slice(-32);
  // All stripe roots being equal, a level of the sector's tree is one digest.
  const path = merklePath(concat(...Array.from({ length: STRIPES_PER_SECTOR }, () => stripeRoot)), 0);
  const root = merkleRoot(concat(...Array.from({ length: STRIPES_PER_SECTOR }, () => stripeRoot)));
  const declaration: Declaration = {
    netuid: 1, genesisHash: GENESIS, miner: MINER, validator: VALIDATOR, serial: 1, unitCount: SECTORS * 128, chunksPerUnit: 32,
    roots: Array.from({ length: SECTORS }, () => root),
  };
  const digest = declarationDigest(encodeDeclaration(declaration));
  const source: StripeSource = { stripeCount: SECTORS * STRIPES_PER_SECTOR, readStripe: async () => stripe.slice(), commitmentPath: async () => path };
  const hashes = { saltedTree, pieceTree };
  const figures: AuditFigures = { hops: [], openings: [], verify: [], bytes: 0, digest: "" };
  const answers = new Bun.CryptoHasher("sha256");
  for (let round = 0; round < rounds; round++) {
    const request = newAudit(bytes, digest);
    const [t0, hopBody] = [performance.now(), encodeHopAnswer(await answerHops(source, hashes, request))];
    const t1 = performance.now();
    const picks = drawPicks(bytes, walkHops(request.nonce, digest, decodeHopAnswer(hopBody)!.links, source.stripeCount));
    const [t2, body] = [performance.now(), encodeOpenings(await answerOpenings(source, hashes, { ...request, picks }))];
    const t3 = performance.now();
    const { verdict } = verifyAudit({ declaration, digest, nonce: request.nonce, hopAnswer: decodeHopAnswer(hopBody), picks, openings: decodeOpenings(body) });
    const t4 = performance.now();
    if (verdict.kind !== "pass") throw new Error(`audit ${round}: expected pass, got ${JSON.stringify(verdict)}`);
    figures.hops.push(t1 - t0);
    figures.openings.push(t3 - t2);
    figures.verify.push(t4 - t3);
    figures.bytes = hopBody.length + body.length;
    answers.update(hopBody).update(body);
  }
  return { ...figures, digest: answers.digest("hex") };
}

if (import.meta.main) {
  const rounds = Number(process.argv[2] ?? 300);
  await measureAudits(20);
  const { hops, openings, verify, bytes, digest } = await measureAudits(rounds);
  console.log(`${cpus()[0]?.model}, ${rounds} audits of a declaration of ${SECTORS} sectors, ${bytes} bytes of answers each, SHA-256 ${digest.slice(0, 16)}`);
  for (const [name, list] of [["answer hops, native", hops], ["answer openings, native", openings], ["verify, @noble", verify]] as const) {
    const sorted = list.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(2);
    console.log(`${name.padEnd(24)} median ${at(0.5)} ms, 10 % ${at(0.1)}, 90 % ${at(0.9)}; ${(1000 / Number(at(0.5))).toFixed(0)} per second and core`);
  }
}
