/** Whose partitions lie in a folder, told by the files themselves: for checking them without wallet and chain. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DIGEST_BYTES, hasSystemCode, toHex, type Ss58 } from "../core/mod.ts";
import { storeFailure } from "./failure.ts";
import { hashesIdentity } from "./hashes.ts";
import { readManifest } from "./manifest.ts";

/** What `openStore` needs to know beside the place. */
export type StoreIdentity = { readonly self: Ss58; readonly netuid: number; readonly genesisHash: Uint8Array };

/**
 * Finds the owners of a folder's partitions: one, unless somebody mixed subnets.
 *
 * An owner whom only partition.json names comes with a genesis hash of zeros: none of its hashes files can be read, and
 * opening its store says so of each.
 *
 * @returns Empty if the folder is missing or holds no partition of a miner.
 * @throws {BtstoreError} `disk`; `corrupt` if partition.json is damaged.
 */
export async function storeIdentities(dir: string): Promise<StoreIdentity[]> {
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (error) {
    if (hasSystemCode(error, "ENOENT")) return [];
    throw storeFailure(`list "${dir}"`, error);
  }
  const found = new Map<string, StoreIdentity>();
  for (const name of names) {
    if (!/^hashes-[1-9A-HJ-NP-Za-km-z]{48}$/.test(name)) continue;
    const identity = hashesIdentity(join(dir, name));
    if (identity?.role !== "miner") continue;
    const { self, netuid, genesisHash } = identity;
    found.set(`${self} ${netuid} ${toHex(genesisHash)}`, { self, netuid, genesisHash });
  }
  const known = [...found.values()];
  for (const { owner, validator, netuid } of await readManifest(dir)) {
    const isHere = names.includes(`data-${validator}`);
    if (!isHere || known.some((identity) => identity.self === owner && identity.netuid === netuid)) continue;
    known.push({ self: owner, netuid, genesisHash: new Uint8Array(DIGEST_BYTES) });
  }
  return known;
}
