import { describe, expect, test } from "bun:test";
import { legacyRoutes, publicAllocation } from "../../lib/miner/legacy.ts";
import { manifestEntry } from "../../lib/store/mod.ts";
import { Refusal } from "../../lib/wire/mod.ts";
import { key } from "./fixture.ts";

const miner = key("Miner").ss58;
const validator = key("Validator").ss58;
const other = key("Other").ss58;

describe("legacyRoutes()", () => {
  const entry = manifestEntry({ dir: "/home/somebody/db", owner: miner, validator, chunkCount: 64, netuid: 7 });
  const routes = legacyRoutes((caller) => (caller === validator ? publicAllocation(entry) : null));

  test("GetAllocation is the caller's entry without what concerns the operator alone, and nothing for others", async () => {
    expect(await routes.GetAllocation!(validator, {})).toEqual({
      allocation: { owner: miner, validator, size: 64 * 2 ** 20, n_chunks: 64, seed: miner + validator, netuid: 7, chunk_size: 2 ** 20, sectors: 1, seal: "btstore1" },
    });
    expect(await routes.GetAllocation!(other, {})).toEqual({ allocation: {} });
  });

  test("a ping is empty, Retrieve knows no key, Store is refused", async () => {
    expect(await routes.Synapse!(other, {})).toEqual({});
    expect(await routes.Retrieve!(validator, { key: "7" })).toEqual({ data: null });
    expect(await routes.Store!(validator, { key: "7", data: "x" })).toEqual(new Refusal("NotServed"));
  });
});
