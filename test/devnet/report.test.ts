import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { UNTOLD, readValidatorLine } from "../../lib/devnet/report.ts";

const told = { hotkey: "5Miner", ...UNTOLD, declaredBytes: 2 ** 20, verifiedBytes: 9, passed: 1, failed: 2, late: 3, offline: 4, unknown: 5, unitMatches: 6, unitMismatches: 7, latencyMs: 8.5 };

describe("readValidatorLine()", () => {
  test("gives the miners by hotkey, and keeps their figures", () => {
    const other = { ...told, hotkey: "5Other", latencyMs: null };
    const miners = readValidatorLine(JSON.stringify({ validator: "5V", miners: [told, other] }));
    expect([...miners!]).toEqual([["5Miner", told], ["5Other", other]] as never);
    expect(readValidatorLine(JSON.stringify({ miners: [] }))).toEqual(new Map());
  });

  test("is null for every line that is no validator's status", () => {
    for (const line of ["", "listening", "{", "null", "3", "[]", "{}", '{"miners":{}}', '{"miners":[null]}', '{"miners":["5Miner"]}']) {
      expect(readValidatorLine(line), line).toBeNull();
    }
  });

  test("is null if any figure of any miner is missing or no number", () => {
    for (const name of Object.keys(told).filter((each) => each !== "latencyMs")) {
      for (const spoiled of [{ ...told, [name]: undefined }, { ...told, [name]: null }, { ...told, [name]: true }]) {
        expect(readValidatorLine(JSON.stringify({ miners: [told, spoiled] })), name).toBeNull();
      }
    }
  });

  test("never throws, whatever a process prints", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), fc.json().map((json) => `{"miners":[${json}]}`)), (line) => {
      const read = readValidatorLine(line);
      return read === null || read instanceof Map;
    }));
  });
});
