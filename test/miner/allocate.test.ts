import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Metagraph, Neuron } from "../../lib/chain/mod.ts";
import { BtstoreError, CHUNK_BYTES, RAO_PER_TAO } from "../../lib/core/mod.ts";
import { type AllocationLimits, planStore, sharesOf } from "../../lib/miner/mod.ts";
import { type Store, openStore } from "../../lib/store/mod.ts";
import { GENESIS, NETUID, key } from "./fixture.ts";

const self = key("Self").ss58;
const MIB = 2 ** 20;

function neuron(name: string, uid: number, tao: number, hasValidatorPermit: boolean): Neuron {
  const { ss58 } = key(name);
  return { uid, hotkey: ss58, coldkey: ss58, stake: BigInt(tao) * RAO_PER_TAO, hasValidatorPermit, axon: null, lastUpdate: 0, incentive: 0, registeredAt: 0 };
}

function metagraphOf(...neurons: Neuron[]): Metagraph {
  return { netuid: NETUID, block: 1, tempo: 20, weightsRateLimit: 1, isCommitRevealEnabled: false, neurons };
}

/** Two who may audit, at stakes of 299 and 99 TAO, one who may not, and ourselves with the most stake of all. */
const METAGRAPH = metagraphOf(neuron("Self", 0, 5000, true), neuron("Large", 1, 299, true), neuron("Small", 2, 99, true), neuron("Miner", 3, 0, false));

let folder: string;
let store: Store;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "btstore-allocate-"));
  store = await openStore({ dbPath: folder, walletName: "w", hotkeyName: "h", self, netuid: NETUID, genesisHash: GENESIS });
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const plan = (limits: Partial<AllocationLimits>, metagraph = METAGRAPH) =>
  planStore(store, metagraph, self, { threshold: null, sizeBytes: null, isForAll: false, ...limits });

async function faultOf(promise: Promise<unknown>): Promise<BtstoreError> {
  const error = await promise.then(() => null, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BtstoreError);
  return error as BtstoreError;
}

describe("sharesOf()", () => {
  test("leaves out ourselves and those without a permit; with all, only ourselves", () => {
    const names = (isForAll: boolean) => sharesOf(METAGRAPH, self, isForAll).map(({ hotkey }) => METAGRAPH.neurons.findIndex((each) => each.hotkey === hotkey));
    expect(names(false)).toEqual([1, 2]);
    expect(names(true)).toEqual([1, 2, 3]);
  });
});

describe("planStore()", () => {
  test("divides the budget by stake and one TAO, and changes nothing", async () => {
    const { allotments, budgetBytes, current } = await plan({ sizeBytes: 40 * MIB });
    expect(allotments).toEqual([{ validator: key("Large").ss58, chunkCount: 30 }, { validator: key("Small").ss58, chunkCount: 10 }]);
    expect(budgetBytes).toBe(40 * MIB);
    expect(current.size).toBe(0);
    expect(store.partitions()).toEqual([]);
  });

  test("gives nobody a part of a chunk, and the sum stays within the budget", async () => {
    const { allotments } = await plan({ sizeBytes: 3 * MIB });
    expect(allotments.map(({ chunkCount }) => chunkCount)).toEqual([2, 0]);
  });

  test("takes the smaller of threshold and size", async () => {
    const { space } = await plan({ sizeBytes: 40 * MIB });
    const threshold = (60 * MIB) / (space.freeBytes + space.takenBytes);
    expect((await plan({ threshold, sizeBytes: 40 * MIB })).budgetBytes).toBe(40 * MIB);
    const { budgetBytes } = await plan({ threshold, sizeBytes: 400 * MIB });
    expect(budgetBytes).toBeLessThan(400 * MIB);
    expect(budgetBytes).toBeGreaterThan(0);
  });

  test("passes on the advice about partitions below a full sector", async () => {
    const { advice } = await plan({ sizeBytes: 40 * MIB });
    expect(advice).toMatchObject({ belowCount: 2, sectorBytes: 4096 * MIB, budgetBytes: 4 * 4096 * MIB });
  });

  test("refuses a budget below one chunk, and names what to raise", async () => {
    const size = await faultOf(plan({ sizeBytes: CHUNK_BYTES - 1 }));
    expect([size.code, size.message]).toEqual(["usage", expect.stringContaining("raise --size")]);
    const threshold = await faultOf(plan({ threshold: 1e-15, sizeBytes: 40 * MIB }));
    expect([threshold.code, threshold.message]).toEqual(["usage", expect.stringContaining("raise --threshold")]);
    expect(threshold.message).toContain("available");
  });

  test("refuses a budget that leaves every validator less than one chunk", async () => {
    const equal = metagraphOf(neuron("Large", 0, 100, true), neuron("Small", 1, 100, true));
    const fault = await faultOf(plan({ sizeBytes: CHUNK_BYTES }, equal));
    expect(fault.code).toBe("usage");
    expect(fault.message).toContain("each of 2 validators");
  });

  test("refuses a subnet where nobody may audit, unless all are to get a share", async () => {
    const nobody = metagraphOf(neuron("Self", 0, 5000, true), neuron("Miner", 1, 0, false));
    const fault = await faultOf(plan({ sizeBytes: 2 * MIB }, nobody));
    expect([fault.code, fault.message]).toEqual(["chain_refused", expect.stringContaining("--allocate.all")]);
    expect((await plan({ sizeBytes: 2 * MIB, isForAll: true }, nobody)).allotments).toEqual([{ validator: key("Miner").ss58, chunkCount: 2 }]);
  });

  test("keeps a partition that is retained without a share, out of the same budget, and gives up one that is not", async () => {
    const dbPath = mkdtempSync(join(tmpdir(), "btstore-retained-"));
    const own = await openStore({ dbPath, walletName: "w", hotkeyName: "h", self, netuid: NETUID, genesisHash: GENESIS });
    try {
      const limits = { threshold: null, sizeBytes: 20 * MIB, isForAll: false };
      await own.applyPlan((await planStore(own, METAGRAPH, self, limits)).allotments);
      const large = METAGRAPH.neurons[1]!.hotkey;
      const before = own.current().get(large)!;
      const without = metagraphOf(...METAGRAPH.neurons.map((each) => (each.hotkey === large ? { ...each, hasValidatorPermit: false } : each)));
      const kept = await planStore(own, without, self, limits, (validator) => validator === large);
      expect(kept.allotments.find(({ validator }) => validator === large)).toEqual({ validator: large, chunkCount: before });
      expect(kept.allotments.reduce((sum, { chunkCount }) => sum + chunkCount, 0)).toBeLessThanOrEqual(20);
      const given = await planStore(own, without, self, limits);
      expect(given.allotments.map(({ validator }) => validator)).not.toContain(large);
    } finally {
      await own.close();
      rmSync(dbPath, { recursive: true, force: true });
    }
  });
});
