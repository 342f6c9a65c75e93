/** Timelocked weights against `bittensor-drand` of PyPI, the library validators of the Python SDK commit with. */
import { beforeAll, describe, expect, test } from "bun:test";
import { type EpochState, revealRound, timelockPayload } from "../../lib/chain/commit.ts";
import { openTimelock, sealTimelock } from "../../lib/chain/timelock.ts";
import { concat, fromHex, toHex, u16le, u64le } from "../../lib/core/mod.ts";
import { cryptoReady, keypairFromUri } from "../../lib/wallet/mod.ts";
import { interpreter } from "./venv.ts";

/** drand quicknet: its key, timetable, and its signature of round 1000. */
const QUICKNET = {
  publicKey: fromHex("83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"),
  periodSeconds: 3,
  genesisSeconds: 1_692_803_367,
};
const ROUND_1000 = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

const python = await interpreter("10.5.0");
beforeAll(cryptoReady);

/** Runs lines of Python that print JSON as `result`; `given` is what they know as `given`. */
async function run<T>(lines: string, given: unknown): Promise<T> {
  const script = `import json, sys, time\nimport bittensor_drand as drand\ngiven = json.load(sys.stdin)\n${lines}\nprint(json.dumps(result))\n`;
  const child = Bun.spawn([python!, "-c", script], { stdin: new Blob([JSON.stringify(given)]), stdout: "pipe", stderr: "inherit" });
  const stdout = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  return JSON.parse(stdout) as T;
}

const payload = () => timelockPayload({ account: keypairFromUri("//Alice").publicKey, uids: [0, 1, 200], values: [65_535, 100, 1], versionKey: 10_002_000 });

describe.skipIf(python === null)("bittensor-drand", () => {
  test("opens what sealTimelock() makes, for every length of weights", async () => {
    const account = keypairFromUri("//Alice").publicKey;
    const payloads = [0, 1, 63, 64, 256].map((count) => {
      const uids = Array.from({ length: count }, (_, uid) => uid);
      return timelockPayload({ account, uids, values: uids.map((uid) => 65_535 - uid), versionKey: 1 });
    });
    // Its envelope: the commit as a SCALE byte vector, then the round.
    const envelopes = payloads.map((one) => {
      const commit = sealTimelock(one, 1000, QUICKNET.publicKey);
      return toHex(concat(u16le((commit.length << 2) | 1), commit, u64le(1000)));
    });
    const opened = await run<string[]>(`result = [drand.decrypt_with_signature(bytes.fromhex(one), "${ROUND_1000}").hex() for one in given]`, envelopes);
    expect(opened).toEqual(payloads.map(toHex));
  });

  test("makes what openTimelock() opens", async () => {
    const envelope = fromHex(await run<string>("result = drand.encrypt_at_round(bytes.fromhex(given), 1000)[0].hex()", toHex(payload())));
    expect(openTimelock(envelope.subarray(2, -8), fromHex(ROUND_1000))).toEqual(payload());
  });

  test("aims where revealRound() does, rounding down where we round up, and makes a commit of the same length", async () => {
    const states = [1, 20, 99, 360].flatMap((tempo) => [1, 2, 5].flatMap((revealPeriod) => [0, 1, Math.floor(tempo / 2), tempo - 1, tempo].flatMap((since) => [0, 1, 30].map((ahead): EpochState => ({
      netuid: 1, block: 5000 + since, tempo, revealPeriod, counted: { lastEpochBlock: 5000, pendingEpochAt: ahead === 0 ? 0 : 5000 + since + ahead },
    })))));
    type Made = { length: number; round: number; before: number; after: number };
    const made = await run<Made[]>(
      `result = []
for one in given["states"]:
    before = time.time()
    commit, target = drand.get_encrypted_commit_v2([0, 1, 200], [65535, 100, 1], 10002000, one["counted"]["lastEpochBlock"], one["counted"]["pendingEpochAt"], 7,
        one["tempo"], one["block"] - 5000, one["block"], one["revealPeriod"], 12.0, bytes.fromhex(given["account"]))
    result.append({"length": len(commit), "round": target, "before": before, "after": time.time()})`,
      { states, account: toHex(keypairFromUri("//Alice").publicKey) },
    );
    const length = sealTimelock(payload(), 1, QUICKNET.publicKey).length;
    for (const [i, { round, before, after, ...one }] of made.entries()) {
      const name = JSON.stringify(states[i]);
      expect(one.length, name).toBe(length);
      expect(round, name).toBeGreaterThanOrEqual(revealRound(states[i]!, QUICKNET, before * 1000, 12_000) - 1);
      expect(round, name).toBeLessThanOrEqual(revealRound(states[i]!, QUICKNET, after * 1000, 12_000));
    }
  });
});
