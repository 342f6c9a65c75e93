import { afterEach, describe, expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { addressFault, decodeIp, encodeIp } from "../../lib/chain/address.ts";
import { dispatchRefusal, isWorthSigningAgain, sendFault } from "../../lib/chain/errors.ts";
import { chainEndpoints, NETWORKS } from "../../lib/chain/networks.ts";
import { quietPolkadot } from "../../lib/chain/quiet.ts";
import { RpcRefusal } from "../../lib/chain/socket.ts";
import { within } from "../../lib/chain/wait.ts";
import { normaliseWeights } from "../../lib/chain/weights.ts";
import { BtstoreError, silentLog } from "../../lib/core/mod.ts";

describe("chainEndpoints()", () => {
  test("knows the networks by name, takes addresses, and lets the explicit endpoint win", () => {
    expect(chainEndpoints("finney")).toEqual(["wss://entrypoint-finney.opentensor.ai:443", "wss://lite.chain.opentensor.ai:443"]);
    expect(chainEndpoints("local")).toEqual([...NETWORKS["local"]!]);
    expect(chainEndpoints("ws://10.0.0.1:9944")).toEqual(["ws://10.0.0.1:9944"]);
    expect(chainEndpoints("ws://a:1,ws://b:2")).toEqual(["ws://a:1", "ws://b:2"]);
    expect(chainEndpoints("finney", "ws://a:1, wss://b")).toEqual(["ws://a:1", "wss://b"]);
  });

  test("refuses unknown names and other addresses", () => {
    for (const network of ["finey", "", "http://x", "ws://", "__proto__", "toString"]) expect(() => chainEndpoints(network), network).toThrow(BtstoreError);
    expect(() => chainEndpoints("finney", "")).toThrow(BtstoreError);
  });
});

describe("encodeIp() and decodeIp()", () => {
  test("agree with the chain's numbers (facts 3.5)", () => {
    expect(encodeIp("203.0.113.7")).toEqual({ value: 0xcb007107n, family: 4 });
    expect(encodeIp("2001:db8::1")).toEqual({ value: 0x20010db8_00000000_00000000_00000001n, family: 6 });
    expect(encodeIp("::ffff:10.0.0.1")).toEqual({ value: 0x0a000001n, family: 4 });
    expect(encodeIp("::")).toEqual({ value: 0n, family: 6 });
    expect(decodeIp(0xcb007107n, 4)).toBe("203.0.113.7");
    expect(decodeIp(0x20010db8_00000000_00000000_00000001n, 6)).toBe("2001:db8::1");
  });

  test("give back every address of either family in its shortest form", () => {
    fc.assert(fc.property(fc.ipV4(), (ip) => expect(decodeIp(encodeIp(ip)!.value, 4)).toBe(ip === "0.0.0.0" ? null : ip)));
    fc.assert(
      fc.property(fc.bigInt({ min: 1n << 40n, max: (1n << 128n) - 1n }), (value) => {
        expect(encodeIp(decodeIp(value, 6)!)).toEqual(value >> 32n === 0xffffn ? { value: value & 0xffff_ffffn, family: 4 } : { value, family: 6 });
      }),
    );
  });

  test("refuse what is no address, and numbers that do not fit the family", () => {
    for (const text of ["", "localhost", "1.2.3", "1.2.3.256", "fe80::1%eth0", "[::1]", " 1.2.3.4"]) expect(encodeIp(text), text).toBeNull();
    expect(decodeIp(0n, 4)).toBeNull();
    expect(decodeIp(1n << 32n, 4)).toBeNull();
    expect(decodeIp(1n << 128n, 6)).toBeNull();
    expect(decodeIp(-1n, 4)).toBeNull();
  });

  test("addressFault() refuses what the chain refuses and takes what it takes", () => {
    for (const [ip, port] of [["127.0.0.1", 1], ["::1", 1], ["255.255.255.255", 1], ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1], ["1.2.3.4", 0]] as const) {
      expect(addressFault(encodeIp(ip)!, port), ip).not.toBeNull();
    }
    for (const ip of ["127.0.0.2", "192.168.0.1", "0.0.0.0", "2001:db8::1"]) expect(addressFault(encodeIp(ip)!, 65_535), ip).toBeNull();
  });
});

describe("normaliseWeights()", () => {
  test("makes the largest 65535, drops zeros and sorts by uid", () => {
    expect(normaliseWeights([{ uid: 9, weight: 1 }, { uid: 2, weight: 4 }, { uid: 3, weight: 0 }, { uid: 4, weight: 1e-9 }])).toEqual({ uids: [2, 9], values: [65_535, 16_384] });
    expect(normaliseWeights([])).toEqual({ uids: [], values: [] });
    expect(normaliseWeights([{ uid: 1, weight: 0 }])).toEqual({ uids: [], values: [] });
  });

  test("keeps order and ratios for any weights", () => {
    const weight = fc.record({ uid: fc.nat(65_535), weight: fc.double({ min: 0, max: 1e30, noNaN: true }) });
    fc.assert(
      fc.property(fc.uniqueArray(weight, { selector: ({ uid }) => uid, minLength: 1 }), (weights) => {
        const { uids, values } = normaliseWeights(weights);
        const largest = Math.max(...weights.map((each) => each.weight));
        expect(Math.max(0, ...values)).toBe(largest > 0 ? 65_535 : 0);
        for (const [index, uid] of uids.entries()) {
          const given = weights.find((each) => each.uid === uid)!.weight;
          expect(Math.abs(values[index]! / 65_535 - given / largest)).toBeLessThan(1 / 65_535);
        }
      }),
    );
  });

  test("refuses negative, infinite and repeated ones", () => {
    for (const weights of [[{ uid: 1, weight: -1 }], [{ uid: 1, weight: NaN }], [{ uid: 1, weight: Infinity }], [{ uid: 65_536, weight: 1 }], [{ uid: 1, weight: 1 }, { uid: 1, weight: 2 }]]) {
      expect(() => normaliseWeights(weights)).toThrow(RangeError);
    }
  });
});

describe("dispatchRefusal() and sendFault()", () => {
  test("tell known errors in words with their name, and unknown ones by name", () => {
    const error = dispatchRefusal("Cannot set weights on subnet 1", "NeuronNoValidatorPermit");
    expect(error.message).toBe("Cannot set weights on subnet 1: the hotkey has no validator permit; it takes enough stake and one epoch (NeuronNoValidatorPermit)");
    expect(error.code).toBe("chain_refused");
    expect(dispatchRefusal("A", "HotKeyNotRegisteredInNetwork").code).toBe("not_registered");
    expect(dispatchRefusal("A", "toString").message).toBe("A: the chain gave no other reason (toString)");
  });

  test("tell the pool's codes and texts in words", () => {
    const rpc = (data: string) => new RpcRefusal(1010, "Invalid Transaction", data);
    expect(sendFault("A", rpc("Custom error: 12")).message).toContain("serving rate limit");
    expect(sendFault("A", rpc("Custom error: 10")).code).toBe("not_registered");
    expect(sendFault("A", rpc("Custom error: 99")).message).toBe("A: the chain gave no other reason (custom error 99)");
    expect(sendFault("A", rpc("Inability to pay some fees (e.g. account balance too low)")).message).toContain("send TAO");
    expect(sendFault("A", rpc("Transaction has a bad signature")).code).toBe("chain_refused");
    expect(sendFault("A", new Error("boom"))).toMatchObject({ code: "chain", message: "A: boom" });
    expect(sendFault("A", new BtstoreError("not_registered", "b"))).toMatchObject({ code: "not_registered", message: "A: b" });
  });

  test("isWorthSigningAgain() is true for a changed runtime or nonce only", () => {
    expect(isWorthSigningAgain(new RpcRefusal(1010, "Invalid Transaction", "Transaction is outdated"))).toBe(true);
    expect(isWorthSigningAgain(new RpcRefusal(1010, "Invalid Transaction", "Transaction has a bad signature"))).toBe(true);
    expect(isWorthSigningAgain(new RpcRefusal(1010, "Invalid Transaction", "Custom error: 6"))).toBe(false);
    expect(isWorthSigningAgain(new Error("stale"))).toBe(false);
  });

  test("have a sentence of their own for every error of facts 3.4 to 3.12", () => {
    const names = [
      "RegistrationNotPermittedOnRootSubnet", "SubnetNotExists", "SubNetRegistrationDisabled", "HotKeyAlreadyRegisteredInSubNet", "NotEnoughBalanceToStake",
      "NonAssociatedColdKey", "NoNeuronIdAvailable", "RegistrationPriceLimitExceeded", "TooManyRegistrationsThisBlock", "HotKeyNotRegisteredInNetwork", "InvalidIpType",
      "InvalidIpAddress", "InvalidPort", "ServingRateLimitExceeded", "AdminActionProhibitedDuringWeightsWindow", "CommitRevealEnabled", "WeightVecNotEqualSize",
      "MechanismDoesNotExist", "UidsLengthExceedUidsInSubNet", "HotKeyNotRegisteredInSubNet", "NotEnoughStakeToSetWeights", "IncorrectWeightVersionKey", "SettingWeightsTooFast",
      "NeuronNoValidatorPermit", "DuplicateUids", "UidVecContainInvalidOne", "WeightVecLengthIsLow", "CommittingWeightsTooFast", "TooManyUnrevealedCommits",
      "IncorrectCommitRevealVersion", "CommitRevealDisabled", "ExpiredWeightCommit", "RevealTooEarly", "InvalidRevealCommitHashNotMatch", "NoWeightsCommitFound", "InvalidRevealRound",
      "SubtokenDisabled", "AmountTooLow", "NetworkTxRateLimitExceeded", "CannotAffordLockCost", "NeedWaitingMoreBlocksToStarCall", "FirstEmissionBlockNumberAlreadySet",
    ];
    for (const name of names) expect(dispatchRefusal("A", name).message, name).not.toContain("no other reason");
    for (const code of [...Array(28).keys(), 255]) expect(sendFault("A", new RpcRefusal(1010, "Invalid Transaction", `Custom error: ${code}`)).message, String(code)).not.toContain("no other reason");
  });
});

describe("within()", () => {
  test("passes the value and the error on", async () => {
    expect(await within(Promise.resolve(5), "A", "b", { timeoutMs: 10_000 })).toBe(5);
    expect(within(Promise.reject(new Error("x")), "A", "b", { timeoutMs: 10_000 })).rejects.toThrow("x");
  });

  test("says what it waited for, and stops at once when cancelled", async () => {
    const never = new Promise<never>(() => {});
    const late = await within(never, "Cannot read", "an answer", { timeoutMs: 1 }).catch((error: unknown) => error);
    expect(late).toMatchObject({ code: "chain", message: "Cannot read: waited 0.001 s for an answer" });
    const abort = new AbortController();
    const waiting = within(never, "Cannot read", "an answer", { timeoutMs: 1e6, signal: abort.signal });
    abort.abort();
    expect(await waiting.catch((error: unknown) => error)).toMatchObject({ code: "cancelled" });
    expect(await within(never, "Cannot read", "an answer", { timeoutMs: 1e6, signal: abort.signal }).catch((error: unknown) => error)).toMatchObject({ code: "cancelled" });
  });
});

describe("quietPolkadot()", () => {
  afterEach(() => quietPolkadot(silentLog));

  test("takes polkadot.js's lines off the console, cleaned, and leaves all others", async () => {
    const printed = (["log", "warn", "error"] as const).map((method) => spyOn(console, method).mockImplementation(() => {}));
    const lines: string[] = [];
    quietPolkadot({ ...silentLog, debug: (message) => void lines.push(message) });
    const { logger } = await import("@polkadot/util");
    logger("api/init").log("Runtime version updated to \u001b[31mspec=2");
    logger("rpc-core").error(new Error("getMetadata(): no answer"));
    console.log("2026-11-22 20:00:00", "a result");
    console.warn("ours");
    const seen = printed.flatMap((spy) => spy.mock.calls);
    for (const spy of printed) spy.mockRestore();
    expect(lines).toEqual(["polkadot.js: Runtime version updated to  [31mspec=2", "polkadot.js: Error: getMetadata(): no answer"]);
    expect(seen).toEqual([["2026-11-22 20:00:00", "a result"], ["ours"]]);
  });
});
