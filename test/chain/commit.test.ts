import { beforeAll, describe, expect, test } from "bun:test";
import { sha256 } from "@noble/hashes/sha2.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { type CommittedWeights, commitHash, type EpochState, revealBlock, revealRound, timelockPayload } from "../../lib/chain/commit.ts";
import { openTimelock, pointOfRound, sealTimelock } from "../../lib/chain/timelock.ts";
import { fromHex, toHex } from "../../lib/core/mod.ts";
import { cryptoReady, keypairFromUri } from "../../lib/wallet/mod.ts";

/** drand quicknet's public key, and its signature of round 1000. */
const QUICKNET = fromHex("83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a");
const ROUND_1000 = fromHex("b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39");
const DRAWS = { seed: new Uint8Array(32).fill(1), key: new Uint8Array(32).fill(2), nonce: new Uint8Array(12).fill(3) };

beforeAll(cryptoReady);
const weights = (): CommittedWeights => ({ account: keypairFromUri("//Alice").publicKey, uids: [0, 1], values: [65_535, 100], versionKey: 10_002_000 });

describe("sealTimelock()", () => {
  test("gives the bytes of facts 3.11", () => {
    const payload = timelockPayload(weights());
    expect(toHex(payload)).toBe("80d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d0800000100" + "08ffff6400509e980000000000");
    const commit = sealTimelock(payload, 1000, QUICKNET, DRAWS);
    expect(commit.length).toBe(295);
    expect(toHex(sha256(commit))).toBe("a0cb0fe6e0213eb9d7bdb05021262ffb06f5fb83c9da6102d46f9d6a7e6e0f6e");
  });

  test("is opened by the round's signature, and by no other", () => {
    const payload = timelockPayload(weights());
    const [first, second] = [sealTimelock(payload, 1000, QUICKNET), sealTimelock(payload, 1000, QUICKNET)];
    expect(toHex(first)).not.toBe(toHex(second));
    expect(openTimelock(first, ROUND_1000)).toEqual(payload);
    expect(openTimelock(sealTimelock(payload, 1001, QUICKNET), ROUND_1000)).toBeNull();
  });

  test("refuses what is no key", () => {
    expect(() => sealTimelock(new Uint8Array(1), 1, new Uint8Array(95))).toThrow("publicKey: expected 96 bytes, got 95");
    expect(() => sealTimelock(new Uint8Array(1), 1, new Uint8Array(96).fill(7))).toThrow();
  });
});

describe("openTimelock()", () => {
  test("gives null for bytes cut, grown or changed, wherever they are", () => {
    const commit = sealTimelock(timelockPayload(weights()), 1000, QUICKNET, DRAWS);
    for (const length of [0, 95, 96, 104, 136, 176, 183, 184, 192, 259, 278, 294]) expect(openTimelock(commit.subarray(0, length), ROUND_1000), `${length} bytes`).toBeNull();
    expect(openTimelock(new Uint8Array([...commit, 0]), ROUND_1000)).toBeNull();
    for (const at of [3, 97, 105, 137, 145, 177, 185, 200, 260, 270, 280, 290]) {
      const changed = commit.slice();
      changed[at]! ^= 1;
      expect(openTimelock(changed, ROUND_1000), `byte ${at}`).toBeNull();
    }
  });
});

describe("pointOfRound()", () => {
  test("is what quicknet signed in round 1000", () => {
    const { G1, G2 } = bls12_381;
    const signed = bls12_381.pairing(G1.Point.fromBytes(ROUND_1000), G2.Point.BASE);
    expect(bls12_381.fields.Fp12.eql(signed, bls12_381.pairing(pointOfRound(1000), G2.Point.fromBytes(QUICKNET)))).toBe(true);
  });
});

describe("commitHash()", () => {
  test("gives the hash of facts 3.11", () => {
    expect(toHex(commitHash(weights(), 2, [1, 2, 3, 4]))).toBe("53e5f6fed89a4976c5a987ebaf44b7fb2ab242f454269115ab7c948107639c80");
  });

  test("changes with the subnet, the salt and a weight", () => {
    const one = weights();
    const hashes = [commitHash(one, 2, [1]), commitHash(one, 3, [1]), commitHash(one, 2, [2]), commitHash({ ...one, values: [65_535, 101] }, 2, [1])].map(toHex);
    expect(new Set(hashes).size).toBe(4);
  });
});

describe("revealBlock()", () => {
  const state = (changes: Partial<EpochState> & { last?: number; pending?: number } = {}): EpochState => {
    const { last = 100, pending = 0, ...rest } = changes;
    return { block: 105, tempo: 20, revealPeriod: 1, netuid: 7, counted: { lastEpochBlock: last, pendingEpochAt: pending }, ...rest };
  };

  /** The chain's rule, block by block: the epoch before the calls, the reveal in the epoch of the commit plus the period. */
  function slowly({ block, tempo, revealPeriod, counted }: EpochState): number {
    let { lastEpochBlock: last, pendingEpochAt: pending } = counted!;
    let [epoch, committed] = [0, Number.NaN];
    for (let at = block + 1; ; at++) {
      if (at >= last + tempo || (pending > 0 && at >= pending)) [last, pending, epoch] = [at, 0, epoch + 1];
      if (at === block + 1) committed = epoch;
      if (epoch === committed + revealPeriod) return at;
    }
  }

  test("agrees with the chain's rule block by block", () => {
    for (const tempo of [1, 2, 20, 360]) {
      for (const revealPeriod of [1, 2, 3]) {
        for (const since of [0, 1, tempo - 2, tempo - 1, tempo, tempo + 3]) {
          for (const ahead of [0, 1, 2, tempo]) {
            if (since < 0) continue;
            const one = state({ tempo, revealPeriod, block: 100 + since, pending: ahead === 0 ? 0 : 100 + since + ahead });
            expect(revealBlock(one), JSON.stringify(one)).toBe(slowly(one));
          }
        }
      }
    }
  });

  test("follows the block numbers where the runtime counts no epochs", () => {
    // Subnet 1, tempo 20: epochs begin at 21e − 2, that is 103, 124, 145.
    const old = { tempo: 20, netuid: 1, counted: null };
    expect(revealBlock(state({ ...old, block: 105 }))).toBe(124);
    expect(revealBlock(state({ ...old, block: 122 }))).toBe(124);
    expect(revealBlock(state({ ...old, block: 123 }))).toBe(145);
    expect(revealBlock(state({ ...old, block: 105, revealPeriod: 2 }))).toBe(145);
  });

  test("refuses a subnet without epochs", () => {
    expect(() => revealBlock(state({ tempo: 0 }))).toThrow("tempo: expected a whole number from 1 to 65535, got 0");
  });
});

describe("revealRound()", () => {
  test("is the first round from three blocks into the epoch on", () => {
    const state: EpochState = { block: 105, tempo: 20, revealPeriod: 1, netuid: 1, counted: { lastEpochBlock: 100, pendingEpochAt: 0 } };
    const beacon = { publicKey: QUICKNET, periodSeconds: 3, genesisSeconds: 1_000_000 };
    // Revealed from block 120, so at block 123: 18 blocks of 12 s after the head, 216 s or 72 rounds.
    expect(revealRound(state, beacon, 1_000_300_000, 12_000)).toBe(100 + 72);
    expect(revealRound(state, beacon, 1_000_300_001, 12_000)).toBe(100 + 72 + 1);
  });
});
