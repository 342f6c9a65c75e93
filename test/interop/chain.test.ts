/**
 * The life of a subnet on a real chain: `BTSTORE_CHAIN=ws://127.0.0.1:9944 npx bun test test/interop/chain.test.ts`, with
 * a localnet of any block time and any runtime from spec 293 on; and always on the embedded chain, so that it can pass.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChain } from "../../lib/devnet/mod.ts";
import { cryptoReady } from "../../lib/wallet/mod.ts";
import { live } from "./lifecycle.ts";

const address = process.env["BTSTORE_CHAIN"] ?? "";
/** Some epochs of twenty blocks of twelve seconds. */
const REAL_TIMEOUT_MS = 45 * 60_000;

const folder = mkdtempSync(join(tmpdir(), "btstore-life-"));
beforeAll(cryptoReady);
afterAll(() => rmSync(folder, { recursive: true }));

if (address === "") process.stderr.write("Skipped the life cycle on a real chain: BTSTORE_CHAIN names none\n");

describe("the life of a subnet", () => {
  test.skipIf(address === "")(`on the chain at ${address || "BTSTORE_CHAIN"}`, async () => {
    process.stderr.write(`${JSON.stringify(await live(address, folder))}\n`);
  }, REAL_TIMEOUT_MS);

  for (const [specVersion, way] of [[293, "committed by hash, and revealed"], [393, "committed timelocked, and revealed by the chain"]] as const) {
    test(`on the embedded chain at spec ${specVersion}`, async () => {
      const chain = await startChain({ blockMs: 80, specVersion });
      try {
        expect(await live(chain.url, join(folder, String(specVersion)))).toMatchObject({ specVersion, blockMs: 80, weights: ["set directly", way], incentive: 1 });
      } finally {
        await chain.stop();
      }
    }, 60_000);
  }
});
