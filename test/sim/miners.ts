/**
 * Miners for simulations of audits: an honest one and the cheats that must not pay. Answers are real; only the time to get
 * a stripe is virtual, so that the figures of DESIGN section 4 decide and not the machine the test runs on.
 */
import { HOPS_PER_AUDIT, PIECE_BYTES, STRIPE_BYTES, concat, type SealProfile } from "../../lib/core/mod.ts";
import { drawHop, merklePath, merkleRoot, sectorOfStripe, type Hop } from "../../lib/space/mod.ts";
import { answerHops, answerOpenings, type HopAnswer, type HopRequest, type OpeningAnswer, type OpeningRequest, type StripeSource } from "../../lib/audit/mod.ts";
import { fakeUnit, makePartition, type TestPartition } from "../audit/partition.ts";
import { SeededRandom } from "../reference/random.ts";
import { referenceHashes } from "../reference/stripe.ts";

/** 32 units in 8 sectors of 4 MiB, each stripe made of 4 computations. */
export const SIM_PROFILE: SealProfile = { name: "sim", chunksPerUnit: 1, unitsPerSector: 4, passChunks: 2 };
export const SIM_UNITS = 32;

/** An honest read of a stripe from a disk that seeks in 10 ms. */
const READ_MS = 11.3;

/** One unit on one core; a cheat has a core for each of a stripe's units, and keeps a sector it made until the audit ends. */
const REGENERATE_MS = 430;

/** What the cheats know of the deadline. */
const DEADLINE_MS = 1000;

export interface SimMiner {
  readonly partition: TestPartition;
  hops(request: HopRequest): Promise<{ answer: HopAnswer; elapsedMs: number }>;
  openings(request: OpeningRequest): Promise<OpeningAnswer>;
}

const sealed = makePartition(SIM_UNITS, SIM_PROFILE);

/** Answers by the real code, at the virtual price of each stripe. */
function answeringBy(partition: TestPartition, priceOf: () => (stripeIndex: number) => number): SimMiner {
  return {
    partition,
    async hops(request) {
      let elapsedMs = 0;
      const price = priceOf();
      const source: StripeSource = {
        ...partition.source,
        readStripe: (index) => {
          elapsedMs += price(index);
          return partition.source.readStripe(index);
        },
      };
      return { answer: await answerHops(source, referenceHashes, request), elapsedMs };
    },
    openings: (request) => answerOpenings(partition.source, referenceHashes, request),
  };
}

/** Stores what it declares. */
export function honestMiner(): SimMiner {
  return answeringBy(sealed, () => () => READ_MS);
}

/** Stores nothing and makes every sector an audit visits anew. */
export function regeneratingMiner(): SimMiner {
  return answeringBy(sealed, () => {
    const made = new Set<number>();
    return (stripeIndex) => {
      const { index } = sectorOfStripe(sealed.geometry, stripeIndex);
      const price = made.has(index) ? 0 : REGENERATE_MS;
      made.add(index);
      return price;
    };
  });
}

/** Declares roots over junk that costs nothing to make, and answers for it perfectly. */
export function overclaimingMiner(): SimMiner {
  const junk = makePartition(SIM_UNITS, SIM_PROFILE, 1, (spec) => fakeUnit({ ...spec, password: new Uint8Array(8) }));
  return answeringBy(junk, () => () => READ_MS);
}

/** Keeps four fifths of its stripes, answers zeros for the rest in time and opens what it made in peace afterwards. */
export function droppingMiner(seed: number): SimMiner {
  const random = new SeededRandom(seed);
  const kept = keptStripes(random, 0.8);
  return new Liar(random, kept, "links", false, () => null);
}

/**
 * Keeps a quarter of its stripes and, where a hop's draw hangs on the salted root, grinds a leaf that will hardly be opened
 * until the next stripe is one it kept. What it lacks it makes while there is time, then answers zeros.
 *
 * @param chain What the network's hops are drawn from.
 */
export function steeringMiner(seed: number, chain: "links" | "roots"): SimMiner {
  const random = new SeededRandom(seed);
  const kept = keptStripes(random, 0.25);
  return new Liar(random, kept, chain, true, (elapsedMs) => (elapsedMs + REGENERATE_MS + HOPS_PER_AUDIT * READ_MS < DEADLINE_MS ? REGENERATE_MS : null));
}

function keptStripes(random: SeededRandom, share: number): Set<number> {
  const stripes = Array.from({ length: sealed.geometry.stripeCount }, (_, index) => index);
  const rank = new Map(stripes.map((index) => [index, random.next()]));
  stripes.sort((a, b) => rank.get(a)! - rank.get(b)!);
  return new Set(stripes.slice(0, stripes.length * share));
}

/** Walks with whatever it has, remembers what it answered, and opens true pieces along the paths it then needs. */
class Liar implements SimMiner {
  readonly partition = sealed;
  /** By nonce: the leaves of every hop's salted tree as answered. */
  readonly #answered = new Map<string, { hop: Hop; leaves: Uint8Array }[]>();

  constructor(
    private readonly random: SeededRandom,
    private readonly kept: ReadonlySet<number>,
    private readonly chain: "links" | "roots",
    private readonly steers: boolean,
    /** The time to make a missing stripe, or null to answer zeros. */
    private readonly regenerate: (elapsedMs: number) => number | null,
  ) {}

  async hops({ nonce, digest }: HopRequest): Promise<{ answer: HopAnswer; elapsedMs: number }> {
    const { stripeCount, readStripe } = sealed.source;
    const steps: { hop: Hop; leaves: Uint8Array }[] = [];
    const answer = { links: [] as Uint8Array[], roots: [] as Uint8Array[] };
    let previous: Uint8Array = new Uint8Array(0);
    let elapsedMs = 0;
    for (let i = 0; i < HOPS_PER_AUDIT; i++) {
      const hop = drawHop(nonce, digest, i, previous, stripeCount);
      const price = this.kept.has(hop.stripeIndex) ? READ_MS : this.regenerate(elapsedMs);
      elapsedMs += price ?? 0;
      const stripe = price === null ? new Uint8Array(STRIPE_BYTES) : await readStripe(hop.stripeIndex);
      const leaves = referenceHashes.saltedTree(stripe, nonce).slice(0, 128 * 32);
      const link = leaves.slice(hop.linkIndex * 32, hop.linkIndex * 32 + 32);
      let root = merkleRoot(leaves);
      const leadsToKept = () => this.kept.has(drawHop(nonce, digest, i + 1, root, stripeCount).stripeIndex);
      for (let attempt = 0; this.steers && i < HOPS_PER_AUDIT - 1 && attempt < 64 && !leadsToKept(); attempt++) {
        leaves.set(this.random.bytes(32), ((hop.linkIndex + 64) % 128) * 32);
        root = merkleRoot(leaves);
      }
      answer.links.push(link);
      answer.roots.push(root);
      steps.push({ hop, leaves });
      previous = this.chain === "links" ? link : root;
    }
    this.#answered.set(nonce.join(), steps);
    return { answer, elapsedMs };
  }

  async openings({ nonce, picks }: OpeningRequest): Promise<OpeningAnswer> {
    const { readStripe, commitmentPath } = sealed.source;
    const steps = this.#answered.get(nonce.join())!;
    this.#answered.delete(nonce.join());
    const hops = await Promise.all(steps.map(async ({ hop, leaves }, i) => {
      const stripe = await readStripe(hop.stripeIndex);
      const pieces = referenceHashes.pieceTree(stripe).slice(0, 128 * 32);
      const above = await commitmentPath(hop.stripeIndex);
      const open = (index: number) => ({
        piece: stripe.slice(index * PIECE_BYTES, (index + 1) * PIECE_BYTES),
        saltedPath: merklePath(leaves, index),
        path: concat(merklePath(pieces, index), above),
      });
      return { link: open(hop.linkIndex), pick: open(picks[i]!) };
    }));
    return { hops };
  }
}
