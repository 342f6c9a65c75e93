/**
 * What opening an encrypted coldkey costs, beside Bun's own argon2i with the same 8 passes over 512 MiB. Expected limit:
 * memory bandwidth, in that one function; reading, decrypting and checking the key against its address should not show.
 *
 * `bun test/bench/wallet.ts [rounds]`. Under the test command the password is derived for the smaller, old form instead.
 */
import { argon2Sync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fromHex } from "../../lib/core/mod.ts";
import { createColdkey, loadColdkey } from "../../lib/wallet/mod.ts";
import { ansible } from "../wallet/vault.ts";

const WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const PASSWORD = "correct horse";

/** Milliseconds of each opening and of each bare key derivation, and the address that every opening gave. */
export type WalletFigures = { opened: number[]; derived: number[]; address: string };

/** Opens one coldkey again and again. `isSmall` takes an old form, which takes milliseconds, and derives nothing. */
export async function measureWallet(rounds: number, isSmall: boolean): Promise<WalletFigures> {
  const path = mkdtempSync(join(tmpdir(), "btstore-bench-"));
  const location = { path, name: "w", hotkey: "h" };
  const figures: WalletFigures = { opened: [], derived: [], address: "" };
  try {
    if (isSmall) {
      const file = join(path, "w", "coldkey");
      mkdirSync(dirname(file));
      writeFileSync(file, ansible(WORDS, PASSWORD));
    } else await createColdkey(location, { secret: WORDS, password: PASSWORD });
    for (let round = 0; round < rounds; round++) {
      const t0 = performance.now();
      const key = await loadColdkey(location, { environment: { BT_WALLET_PASSWORD: PASSWORD } });
      figures.opened.push(performance.now() - t0);
      if (figures.address !== "" && figures.address !== key.ss58) throw new Error(`round ${round}: expected ${figures.address}, got ${key.ss58}`);
      figures.address = key.ss58;
      if (isSmall) continue;
      const t1 = performance.now();
      argon2Sync("argon2i", { message: PASSWORD, nonce: fromHex("137183dff15a09bc9c90b5518739e9b1"), parallelism: 1, tagLength: 32, memory: 524_288, passes: 8 });
      figures.derived.push(performance.now() - t1);
    }
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
  return figures;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const spread = (values: readonly number[]) => `${Math.round(median(values))} ms (${Math.round(Math.min(...values))} to ${Math.round(Math.max(...values))})`;

if (import.meta.main) {
  const rounds = Number(process.argv[2] ?? 5);
  const { opened, derived, address } = await measureWallet(rounds, false);
  console.log(`${cpus()[0]?.model}, ${rounds} rounds of 512 MiB × 8 passes, median (least to most)`);
  console.log(`open a $NACL coldkey   ${spread(opened)}`);
  console.log(`argon2i of Bun alone   ${spread(derived)}`);
  console.log(`ratio                  ${(median(opened) / median(derived)).toFixed(3)}, wanted at most 1.5`);
  console.log(`address                ${address}`);
}
