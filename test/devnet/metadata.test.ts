/** Holds what the embedded chain declares to the recorded facts of the real runtime. */
import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { Metadata, TypeRegistry } from "@polkadot/types";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { encodeMetadata } from "../../lib/devnet/chain/metadata.ts";
import { PALLETS, subtensorFacts } from "../vectors/extract-subtensor.ts";
import { runtimeFacts, type RuntimeFacts } from "../vectors/runtime-facts.ts";
import recorded from "../vectors/subtensor-393.json";
import { NEWER } from "./newer.ts";

const real = recorded as unknown as RuntimeFacts;
/** The block time whose constants are finney's. */
const FINNEY = { blockMs: 12_000, specVersion: 393 };
/** The runtime version lists the runtime APIs that are answered, which are fewer. */
const OWN_VALUES = ["System.constants.Version"];

let ours: RuntimeFacts;
beforeAll(async () => {
  await cryptoWaitReady();
  ours = runtimeFacts(encodeMetadata(15, FINNEY)!, PALLETS);
});

/** Every declared fact as a path and its value. */
function declared(facts: RuntimeFacts): [path: string, fact: unknown][] {
  const found: [string, unknown][] = [];
  for (const [name, pallet] of Object.entries(facts.pallets)) {
    found.push([`${name}.index`, pallet.index]);
    for (const part of ["calls", "storage", "events", "errors", "constants"] as const) {
      for (const [item, fact] of Object.entries(pallet[part])) found.push([`${name}.${part}.${item}`, fact]);
    }
  }
  for (const [name, methods] of Object.entries(facts.apis)) for (const [method, fact] of Object.entries(methods)) found.push([`${name}.${method}`, fact]);
  for (const [name, shape] of Object.entries(facts.types)) found.push([`type ${name}`, shape]);
  return found;
}

describe("encodeMetadata()", () => {
  test("declares every name, index, argument, key, type, default and error as spec 393 does, or lists it as newer", () => {
    const known = new Map(declared(real));
    const differences = declared(ours).filter(([path, fact]) => !OWN_VALUES.includes(path) && !Bun.deepEquals(fact, known.get(path)));
    const newer = NEWER.filter(({ what }) => !what.startsWith("rule: ")).map(({ what }) => what);
    expect(differences.map(([path]) => path).sort()).toEqual(newer.sort());
    for (const path of newer) expect(known.has(path), `${path} is in spec 393 after all`).toBe(false);
  });

  test("declares a subset that is not empty in any pallet asked for", () => {
    expect(Object.keys(ours.pallets).sort()).toEqual([...PALLETS].sort());
    expect(declared(ours).length).toBeGreaterThan(200);
  });

  test("declares the signed extensions of spec 393, in order", () => {
    expect(ours.extrinsic).toEqual(real.extrinsic);
  });

  test("puts the chain's own block time into Aura.SlotDuration", () => {
    const fast = runtimeFacts(encodeMetadata(15, { blockMs: 200, specVersion: 393 })!, ["Aura"]);
    expect(fast.pallets.Aura!.constants.SlotDuration!.value).toBe("0xc800000000000000");
  });

  test("says the same in version 14, for clients that read no other", () => {
    const registry = new TypeRegistry();
    const metadata = new Metadata(registry, encodeMetadata(14, FINNEY)!);
    registry.setMetadata(metadata, undefined, undefined, true);
    expect(metadata.version).toBe(14);
    expect(metadata.asV14.pallets.map(({ name }) => name.toString())).toEqual(Object.keys(ours.pallets));
    // set_weights(netuid 1, dests [2], weights [3], version_key 4)
    const call = registry.createType("Call", `0x07000100040200040300${"04".padEnd(16, "0")}`);
    expect(`${call.section}.${call.method}`).toBe("subtensorModule.setWeights");
    expect(call.args.map((arg) => arg.toJSON())).toEqual([1, [2], [3], 4]);
  });

  test("leaves out of an older runtime what came later", () => {
    const older = runtimeFacts(encodeMetadata(15, { ...FINNEY, specVersion: 293 })!, PALLETS).pallets["SubtensorModule"]!;
    expect(Object.keys(older.calls)).toContain("commit_weights");
    for (const name of ["commit_timelocked_mechanism_weights", "commit_timelocked_weights", "register_limit"]) expect(Object.keys(older.calls)).not.toContain(name);
    expect(Object.keys(older.storage)).not.toContain("TimelockedWeightCommits");
  });

  test("offers versions 14 and 15 only", () => {
    expect(encodeMetadata(14, FINNEY)?.[4]).toBe(14);
    expect(encodeMetadata(13, FINNEY)).toBeNull();
    expect(encodeMetadata(16, FINNEY)).toBeNull();
  });
});

describe("subtensor-393.json", () => {
  const path = process.env.BTSTORE_METADATA;
  test.skipIf(!path || !existsSync(path))("is what the metadata named by BTSTORE_METADATA says", () => {
    const { source: _, ...facts } = recorded;
    expect(JSON.parse(JSON.stringify(subtensorFacts(readFileSync(path!))))).toEqual(facts);
  });
});
