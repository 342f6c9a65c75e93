import { describe, expect, test } from "bun:test";
import { addressFault, encodeIp } from "../../lib/chain/address.ts";
import { BtstoreError } from "../../lib/core/mod.ts";
import { parseExternalAddress } from "../../lib/miner/mod.ts";

function faultOf(text: string): string | null {
  try {
    parseExternalAddress(text);
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(BtstoreError);
    return (error as BtstoreError).code;
  }
}

describe("parseExternalAddress()", () => {
  test("gives back what others can reach", () => {
    for (const text of ["203.0.113.9", "127.0.0.2", "10.0.0.1", "2001:db8::1", "fd00::1"]) expect(parseExternalAddress(text)).toBe(text);
  });

  test("refuses what is no address at all, and names the flag", () => {
    for (const text of ["", "localhost", "203.0.113", "203.0.113.9:8091", "[2001:db8::1]", "203.0.113.256", "http://203.0.113.9"]) {
      expect(faultOf(text), text).toBe("usage");
    }
    expect(() => parseExternalAddress("miner.example")).toThrow(/"miner\.example".*--axon\.external_ip/);
  });

  test("refuses every spelling of what the chain refuses", () => {
    const spellings = ["127.0.0.1", "255.255.255.255", "0.0.0.0", "::", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::1%eth0"];
    for (const text of spellings) expect(faultOf(text), text).toBe("usage");
  });

  test("agrees with the chain's own rule wherever that rule speaks", () => {
    for (const text of ["127.0.0.1", "::1", "255.255.255.255", "127.0.0.2", "8.8.8.8", "::2", "::ffff:8.8.8.8"]) {
      expect(faultOf(text) !== null, text).toBe(addressFault(encodeIp(text)!, 8091) !== null);
    }
  });
});
