/** What is on this machine: folders, the roles in them and what each holds. Read beside running roles; takes no lock and writes nothing. */
import { readdirSync, statfsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { BtstoreError, CHUNK_BYTES, hasSystemCode, type Ss58, toHex, type Windows } from "../lib/core/mod.ts";
import type { Metagraph } from "../lib/chain/mod.ts";
import { folderHolder, MANIFEST_NAME, openStore, type Partition, storeIdentities, type StoreIdentity } from "../lib/store/mod.ts";
import { type MinerView, viewLedgers } from "../lib/validator/mod.ts";

/** Where a hotkey stands on its chain. */
export type ChainPlace = {
  readonly block: number;
  /** Null if it is not registered; what follows is then 0 or false. */
  readonly uid: number | null;
  readonly stake: bigint;
  readonly incentive: number;
  readonly hasPermit: boolean;
  readonly registeredBlock: number;
  readonly updatedBlock: number;
};

/** What every role has. */
type RoleFacts = {
  /** Null where the lock is held and nothing on disk says yet whose it is. */
  readonly hotkey: Ss58 | null;
  readonly netuid: number | null;
  readonly isRunning: boolean;
  /** Null if it does not run, or its pid could not be told. */
  readonly pid: number | null;
  /** Why something there cannot be read. */
  readonly problems: readonly { readonly peer: Ss58; readonly code: string; readonly reason: string }[];
  /** Null unless the chain was asked and is the role's. */
  readonly chain: ChainPlace | null;
};

export type PartitionFacts = {
  readonly validator: Ss58;
  readonly sizeBytes: number;
  readonly sealedBytes: number;
  /** In whole sealed sectors: what may be declared. */
  readonly declaredBytes: number;
  /** `resizing` waits for a fill, which makes the size `wantedBytes`. */
  readonly state: "empty" | "filling" | "whole" | "resizing";
  readonly wantedBytes: number;
};

export type MinerFacts = RoleFacts & { readonly role: "miner"; readonly partitions: readonly PartitionFacts[] };
export type ValidatorFacts = RoleFacts & { readonly role: "validator"; readonly miners: readonly MinerView[] };

/** One folder `<db_path>/<wallet>/<hotkey>`. */
export type FolderFacts = {
  readonly folder: string;
  readonly wallet: string;
  readonly hotkeyName: string;
  /** Of its volume; null if it cannot be told. */
  readonly freeBytes: number | null;
  readonly roles: readonly (MinerFacts | ValidatorFacts)[];
  /** Why the folder cannot be understood, and with it no role in it; null if it can. */
  readonly problem: string | null;
};

/** What a chain says, and which one it is. */
export type ChainView = { readonly genesisHash: Uint8Array; readonly metagraphOf: (netuid: number) => Promise<Metagraph> };

/** The folders of all hotkeys under one `--db_path`, in order; empty if there is none. */
export function hotkeyFolders(dbPath: string): string[] {
  return folderNames(dbPath).flatMap((wallet) => folderNames(join(dbPath, wallet)).map((hotkey) => join(dbPath, wallet, hotkey)));
}

/**
 * Reads one folder.
 *
 * @param windows Of the ledgers' chain.
 * @param chain Asked for each role's place; null leaves that out.
 * @returns null if the folder is missing or nothing in it is ours.
 * @throws {BtstoreError} `chain` if the chain does not answer.
 */
export async function folderFacts(folder: string, windows: Windows, now: number, chain: ChainView | null): Promise<FolderFacts | null> {
  const roles: (MinerFacts | ValidatorFacts)[] = [];
  let problem: string | null = null;
  try {
    roles.push(...(await minerFacts(folder, chain)), ...(await validatorFacts(folder, windows, now, chain)));
  } catch (error) {
    // One damaged folder must not hide the others.
    if (!(error instanceof BtstoreError) || (error.code !== "disk" && error.code !== "corrupt")) throw error;
    problem = error.message;
  }
  if (roles.length === 0 && problem === null) return null;
  return { folder, wallet: basename(dirname(folder)), hotkeyName: basename(folder), freeBytes: freeBytesOf(folder), roles, problem };
}

async function minerFacts(folder: string, chain: ChainView | null): Promise<MinerFacts[]> {
  const holder = await folderHolder(folder, "miner");
  const running = { role: "miner", isRunning: holder !== null, pid: holder?.pid ?? null } as const;
  // A validator's folder has a hashes file per miner and no data: they need not all be opened to know that.
  const isMiners = namesIn(folder).some((name) => name.startsWith("data-") || name === MANIFEST_NAME);
  const identities = isMiners ? await storeIdentities(folder) : [];
  if (identities.length === 0) return holder === null ? [] : [{ ...running, hotkey: null, netuid: null, partitions: [], problems: [], chain: null }];
  const found: MinerFacts[] = [];
  for (const identity of identities) {
    const store = await openStore({ dbPath: dirname(dirname(folder)), walletName: basename(dirname(folder)), hotkeyName: basename(folder), ...identity, access: "read" });
    try {
      const problems = store.problems().filter(({ error }) => !(identities.length > 1 && error.code === "usage"));
      found.push({
        ...running, hotkey: identity.self, netuid: identity.netuid,
        partitions: store.partitions().map(partitionFacts),
        problems: problems.map(({ validator, error }) => problemOf(validator, error)),
        chain: await placeOf(identity, chain),
      });
    } finally {
      await store.close();
    }
  }
  return found;
}

function partitionFacts(partition: Partition): PartitionFacts {
  const { byteLength: sizeBytes } = partition.geometry;
  const wantedBytes = partition.wantedGeometry.byteLength;
  const sealedBytes = partition.sealedBytes();
  const state = wantedBytes !== sizeBytes ? "resizing" : sealedBytes === sizeBytes ? "whole" : sealedBytes === 0 ? "empty" : "filling";
  return { validator: partition.validator, sizeBytes, sealedBytes, declaredBytes: partition.declared().chunkCount * CHUNK_BYTES, state, wantedBytes };
}

async function validatorFacts(folder: string, windows: Windows, now: number, chain: ChainView | null): Promise<ValidatorFacts[]> {
  const holder = await folderHolder(folder, "validator");
  const running = { role: "validator", isRunning: holder !== null, pid: holder?.pid ?? null } as const;
  const views = await viewLedgers(folder, windows, now);
  if (views.length === 0) return holder === null ? [] : [{ ...running, hotkey: null, netuid: null, miners: [], problems: [], chain: null }];
  return Promise.all(views.map(async (view) => ({
    ...running, hotkey: view.self, netuid: view.netuid, miners: view.miners,
    problems: view.problems.map(({ miner, error }) => problemOf(miner, error)),
    chain: await placeOf(view, chain),
  })));
}

function problemOf(peer: Ss58, error: BtstoreError): RoleFacts["problems"][number] {
  return { peer, code: error.code, reason: error.message };
}

async function placeOf({ self, netuid, genesisHash }: StoreIdentity, chain: ChainView | null): Promise<ChainPlace | null> {
  if (chain === null || toHex(genesisHash) !== toHex(chain.genesisHash)) return null;
  const { block, neurons } = await chain.metagraphOf(netuid);
  const neuron = neurons.find(({ hotkey }) => hotkey === self);
  return {
    block, uid: neuron?.uid ?? null, stake: neuron?.stake ?? 0n, incentive: neuron?.incentive ?? 0, hasPermit: neuron?.hasValidatorPermit ?? false,
    registeredBlock: neuron?.registeredAt ?? 0, updatedBlock: neuron?.lastUpdate ?? 0,
  };
}

function freeBytesOf(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

function folderNames(folder: string): string[] {
  return namesIn(folder).filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory() === true);
}

/** What is in a folder, in order; nothing where there is none, or none that may be read. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (hasSystemCode(error, "ENOENT", "ENOTDIR", "EACCES")) return [];
    throw error;
  }
}

