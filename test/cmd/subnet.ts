/** An embedded chain with one subnet, a wallet folder with the keys of a miner and a validator on it, and words to use both. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RAO_PER_TAO, type Ss58 } from "../../lib/core/mod.ts";
import { type DevnetChain, startChain } from "../../lib/devnet/chain/mod.ts";
import { createHotkey, cryptoReady, keypairFromUri } from "../../lib/wallet/mod.ts";

export const NETUID = 7;

export type Subnet = {
  readonly chain: DevnetChain;
  /** Holds `wallets` and whatever a test puts there. */
  readonly folder: string;
  readonly miner: Ss58;
  readonly validator: Ss58;
  /** A hotkey in the same wallet that is not registered. */
  readonly stranger: Ss58;
  /** Flags that name chain, subnet and wallet; the hotkey is `miner` unless told. */
  words(hotkey?: "miner" | "validator" | "stranger"): string[];
  stop(): Promise<void>;
};

/**
 * Starts it; its blocks stand still, so that stakes and shares do. Wallet `w` has the hotkeys `miner`, `validator` and `stranger`.
 *
 * @param others URIs of more validators, and their stakes in TAO.
 */
export async function startSubnet(others: Readonly<Record<string, bigint>> = {}): Promise<Subnet> {
  await cryptoReady();
  const folder = mkdtempSync(join(tmpdir(), "btstore-subnet-"));
  const path = join(folder, "wallets");
  const make = async (hotkey: string) => (await createHotkey({ path, name: "w", hotkey }, { password: null })).ss58;
  const [miner, validator, stranger] = [await make("miner"), await make("validator"), await make("stranger")];
  const coldkey = keypairFromUri("//Owner").ss58;
  const neurons = [
    { hotkey: validator, coldkey, stake: 3000n * RAO_PER_TAO },
    { hotkey: miner, coldkey, stake: 0n },
    ...Object.entries(others).map(([uri, tao]) => ({ hotkey: keypairFromUri(uri).ss58, coldkey, stake: tao * RAO_PER_TAO })),
  ];
  const chain = await startChain({ blockMs: 100, sealing: "manual", subnet: { netuid: NETUID, owner: coldkey, neurons } });
  return {
    chain, folder, miner, validator, stranger,
    words: (hotkey = "miner") => ["--subtensor.network", chain.url, "--netuid", String(NETUID), "--wallet.path", path, "--wallet.name", "w", "--wallet.hotkey", hotkey],
    async stop() {
      await chain.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
