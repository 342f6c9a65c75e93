/** The validator's folder: one ledger per miner in `hashes-<miner>`, held by one process. */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Database } from "bun:sqlite";
import { Ledger } from "../audit/mod.ts";
import { BtstoreError, describeError, type Ss58, type Windows } from "../core/mod.ts";
import { hashesName, lockFolder, openHashes } from "../store/mod.ts";

/** Open ledgers of one validator. */
export type Ledgers = {
  /** Opens or makes the ledger of a miner; the same one when asked again. */
  open(miner: Ss58): Ledger;
  /** Whether there is one, open or not. */
  has(miner: Ss58): boolean;
  /** Closes that of a miner that left. */
  release(miner: Ss58): void;
  close(): Promise<void>;
};

/**
 * Takes a validator's folder.
 *
 * @throws {BtstoreError} `locked` naming the pid that holds it; `disk` if it cannot be made.
 */
export async function openLedgers(options: { folder: string; self: Ss58; netuid: number; genesisHash: Uint8Array; windows: Windows }): Promise<Ledgers> {
  const { folder, self, netuid, genesisHash, windows } = options;
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new BtstoreError("disk", `Cannot make the folder "${folder}": ${describeError(error)}; choose another with --db_path`, { cause: error });
  }
  const lock = await lockFolder(folder, "validator");
  const opened = new Map<Ss58, { database: Database; ledger: Ledger }>();
  return {
    open(miner) {
      let entry = opened.get(miner);
      if (!entry) {
        const database = openHashes(join(folder, hashesName(miner)), { role: "validator", self, peer: miner, netuid, genesisHash });
        entry = { database, ledger: new Ledger(database, windows) };
        opened.set(miner, entry);
      }
      return entry.ledger;
    },
    has: (miner) => opened.has(miner) || existsSync(join(folder, hashesName(miner))),
    release(miner) {
      opened.get(miner)?.database.close();
      opened.delete(miner);
    },
    async close() {
      for (const { database } of opened.values()) database.close();
      opened.clear();
      await lock.release();
    },
  };
}
