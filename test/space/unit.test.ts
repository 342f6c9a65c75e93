import { describe, expect, test } from "bun:test";
import { toHex, type Ss58 } from "../../lib/core/mod.ts";
import { passesOf, sealSeed, unitSpec } from "../../lib/space/mod.ts";

const OWNER = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY" as Ss58;
const VALIDATOR = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty" as Ss58;

describe("unitSpec()", () => {
  test("lays the salt out as tag, netuid, unit index and r, little-endian", () => {
    const spec = unitSpec(sealSeed(OWNER, VALIDATOR), 0x0201, 0x06050403, 32);
    expect(toHex(spec.salt)).toBe(`${Buffer.from("btstore1").toString("hex")}0102030405062000`);
    expect(new TextDecoder().decode(spec.password)).toBe(OWNER + VALIDATOR);
    expect([spec.chunks, spec.passes]).toEqual([32, 64]);
  });

  test("keys units by both hotkeys, in order", () => {
    expect(sealSeed(OWNER, VALIDATOR)).not.toBe(sealSeed(VALIDATOR, OWNER));
    expect(sealSeed(OWNER, VALIDATOR)).toHaveLength(96);
  });

  test("passesOf() keeps the work of a short unit that of a full one", () => {
    expect([1, 2, 3, 31, 32].map((chunks) => passesOf(chunks))).toEqual([2048, 1024, 683, 67, 64]);
    expect(() => passesOf(0)).toThrow(RangeError);
    expect(() => passesOf(33)).toThrow(RangeError);
  });

  test("refuses a netuid or unit index that does not fit", () => {
    expect(() => unitSpec("seed", 65_536, 0, 32)).toThrow(RangeError);
    expect(() => unitSpec("seed", 1, 2 ** 32, 32)).toThrow(RangeError);
  });
});
