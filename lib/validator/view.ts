/** A validator's ledgers from outside: read beside the process that holds them, without a lock and without writing. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type LedgerView, readLedgerView } from "../audit/mod.ts";
import { BtstoreError, hasSystemCode, type Ss58, toHex, type Windows } from "../core/mod.ts";
import { readHashes } from "../store/mod.ts";

/** One miner's ledger as it was found. */
export type MinerView = { readonly miner: Ss58 } & LedgerView;

/** All ledgers of one validator hotkey on one subnet of one chain. */
export type ValidatorView = {
  readonly self: Ss58;
  readonly netuid: number;
  /** 32 bytes. */
  readonly genesisHash: Uint8Array;
  /** By address. */
  readonly miners: readonly MinerView[];
  /** Ledgers that cannot be read, and why. */
  readonly problems: readonly { readonly miner: Ss58; readonly error: BtstoreError }[];
};

/**
 * Reads every ledger of a folder.
 *
 * @param windows Of the ledgers' chain; what counts is what a week is.
 * @param now Wall clock, milliseconds.
 * @returns One entry unless somebody mixed subnets; empty if the folder is missing or holds no ledger.
 * @throws {BtstoreError} `disk` if the folder cannot be listed.
 */
export async function viewLedgers(folder: string, windows: Windows, now: number): Promise<ValidatorView[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (hasSystemCode(error, "ENOENT")) return [];
    throw new BtstoreError("disk", `Cannot list "${folder}"`, { cause: error });
  }
  const found = new Map<string, ValidatorView & { miners: MinerView[]; problems: { miner: Ss58; error: BtstoreError }[] }>();
  for (const name of names.sort()) {
    if (!/^hashes-[1-9A-HJ-NP-Za-km-z]{48}$/.test(name)) continue;
    try {
      readHashes(join(folder, name), (database, { role, self, peer, netuid, genesisHash }) => {
        if (role !== "validator") return;
        const key = `${self} ${netuid} ${toHex(genesisHash)}`;
        const view = found.get(key) ?? { self, netuid, genesisHash, miners: [], problems: [] };
        found.set(key, view);
        try {
          view.miners.push({ miner: peer, ...readLedgerView(database, windows, now) });
        } catch (error) {
          view.problems.push({ miner: peer, error: error instanceof BtstoreError ? error : new BtstoreError("corrupt", `Cannot read "${join(folder, name)}": it holds no ledger`, { cause: error }) });
        }
      });
    } catch (error) {
      // Nothing says whose it is: the miner's own view of the folder, or `verify`, names such a file.
      if (!(error instanceof BtstoreError)) throw error;
    }
  }
  return [...found.values()];
}
