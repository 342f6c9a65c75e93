import { beforeAll, describe, expect, test } from "bun:test";
import { seeds } from "../reference/random.ts";
import { droppingMiner, honestMiner, overclaimingMiner, regeneratingMiner, steeringMiner } from "./miners.ts";
import { ALL_DEFENCES, earnedShare } from "./season.ts";

const seed = seeds(1)[0]!;
console.log(`cheats.test.ts: seed ${seed} (BTSTORE_SEED sets it)`);

let honest = 0;
beforeAll(async () => {
  honest = await earnedShare(honestMiner(), ALL_DEFENCES, seed);
}, 60_000);

/** At most this part of what an honest miner earns in the same time is nothing; at least that part is a living. */
const NOTHING = 0.05;
const A_LIVING = 0.5;

describe("two hours of audits", () => {
  test("credit an honest miner with what the intervals allow: 24/28 of its audits, 2/6 of its unit checks", () => {
    expect(honest, `seed ${seed}`).toBeGreaterThan(0.25);
    expect(honest, `seed ${seed}`).toBeLessThan(0.35);
  });

  const cheats = [
    ["regenerate", "the deadline", () => regeneratingMiner(), { deadline: false }],
    ["drop", "verified openings", () => droppingMiner(seed), { openings: false }],
    ["overclaim", "unit checks", () => overclaimingMiner(), { unitChecks: false }],
    ["steer", "the chain over links", (weakened: boolean) => steeringMiner(seed, weakened ? "roots" : "links"), { linkChain: false }],
  ] as const;
  for (const [name, defence, make, without] of cheats) {
    test(`"${name}" earns nearly nothing, and would earn without ${defence}`, async () => {
      const caught = await earnedShare(make(false), ALL_DEFENCES, seed);
      const undetected = await earnedShare(make(true), { ...ALL_DEFENCES, ...without }, seed);
      expect(caught / honest, `seed ${seed}`).toBeLessThan(NOTHING);
      expect(undetected / honest, `seed ${seed}`).toBeGreaterThan(A_LIVING);
    }, 60_000);
  }
});
