/**
 * A miner's folder: all partitions of one hotkey under one `--db_path`, held by one process.
 *
 * The hashes files are the record, partition.json is written from them: a partition that a kill left out of it is adopted,
 * one that was being removed is removed. One damaged partition does not keep the others from working; it is listed in
 * `problems` until it is begun anew.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { BtstoreError, CHUNK_BYTES, SEAL_PROFILE, hasSystemCode, type SealProfile, type Ss58 } from "../core/mod.ts";
import { geometryOf, sealSeed } from "../space/mod.ts";
import type { Allotment, Space } from "./allocation.ts";
import { storeFailure } from "./failure.ts";
import { hashesIdentity, hashesName, removeHashes } from "./hashes.ts";
import { lockFolder, type FolderLock } from "./lock.ts";
import { readManifest, updateManifest, type ManifestEntry } from "./manifest.ts";
import { Partition, dataName, type PartitionKey } from "./partition.ts";

export type StoreOptions = {
  readonly dbPath: string;
  readonly walletName: string;
  readonly hotkeyName: string;
  /** Our hotkey. */
  readonly self: Ss58;
  readonly netuid: number;
  /** 32 bytes. */
  readonly genesisHash: Uint8Array;
  readonly profile?: SealProfile;
  /** `read` takes no lock and changes nothing: for a look beside a running miner. */
  readonly access?: "own" | "read";
};

/** A partition that cannot be opened, and why. */
export type StoreProblem = { readonly validator: Ss58; readonly error: BtstoreError };

/** What `applyPlan` did. */
export type PlanOutcome = {
  readonly created: readonly Ss58[];
  readonly resized: readonly Ss58[];
  readonly removed: readonly Ss58[];
  /** Sealed sectors that left a declaration; they may be asked for under the old one until the next fill changes them. */
  readonly withdrawnSectors: number;
};

/**
 * The folder of one hotkey.
 *
 * @throws {BtstoreError} `usage` if a name is no plain folder name.
 */
export function storeFolder({ dbPath, walletName, hotkeyName }: { dbPath: string; walletName: string; hotkeyName: string }): string {
  for (const name of [walletName, hotkeyName]) {
    if (!/^[^/\\\0]{1,255}$/.test(name) || name === "." || name === "..") {
      throw new BtstoreError("usage", `Cannot use "${name}" as a wallet or hotkey name: it is no plain folder name`);
    }
  }
  return join(dbPath, walletName, hotkeyName);
}

/**
 * Opens a miner's folder, making it if it is missing.
 *
 * @throws {BtstoreError} `locked` naming the pid of the process that has it; `corrupt` if partition.json is damaged; `disk`; `usage`.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const dir = storeFolder(options);
  const isOwn = options.access !== "read";
  try {
    if (isOwn) await mkdir(dir, { recursive: true });
  } catch (error) {
    throw storeFailure(`make the folder "${dir}"`, error);
  }
  const lock = isOwn ? await lockFolder(dir, "miner") : null;
  const store = new Store(dir, options, lock);
  try {
    await store.load();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

export class Store {
  readonly dir: string;
  readonly #options: StoreOptions;
  readonly #lock: FolderLock | null;
  readonly #profile: SealProfile;
  readonly #partitions = new Map<Ss58, Partition>();
  readonly #problems = new Map<Ss58, BtstoreError>();

  /** Use `openStore`. */
  constructor(dir: string, options: StoreOptions, lock: FolderLock | null) {
    this.dir = dir;
    this.#options = options;
    this.#lock = lock;
    this.#profile = options.profile ?? SEAL_PROFILE;
  }

  /** Opens every partition of ours in the folder. */
  async load(): Promise<void> {
    const { self, netuid, access } = this.#options;
    const listed = (await readManifest(this.dir)).filter((entry) => entry.owner === self && entry.netuid === netuid).map(({ validator }) => validator);
    // Listed, but neither file is there any more: someone took it away, and it is made again when it is planned.
    const present = listed.filter((validator) => Object.values(this.#paths(validator)).some((path) => existsSync(path)));
    const validators = new Set([...present, ...(await this.#found())]);
    for (const validator of validators) {
      try {
        const partition = await Partition.open(this.#key(validator), access === "read" ? "read" : "existing");
        if (partition) this.#partitions.set(validator, partition);
      } catch (error) {
        this.#problems.set(validator, storeFailure(`open the partition for ${validator}`, error));
      }
    }
    if (access !== "read" && validators.size + listed.length > 0) await this.#writeManifest();
  }

  /** The partitions that could be opened, by validator. */
  partitions(): Partition[] {
    return [...this.#partitions.values()];
  }

  partition(validator: Ss58): Partition | undefined {
    return this.#partitions.get(validator);
  }

  problems(): StoreProblem[] {
    return [...this.#problems].map(([validator, error]) => ({ validator, error }));
  }

  /** What the volume offers, for `allocationBudget`. */
  async space(): Promise<Space> {
    try {
      const { bavail, bsize } = await statfs(this.dir);
      let takenBytes = 0;
      for (const partition of this.#partitions.values()) takenBytes += await partition.takenBytes();
      return { freeBytes: bavail * bsize, takenBytes };
    } catch (error) {
      throw storeFailure(`ask "${this.dir}" for its free space`, error);
    }
  }

  /** Chunk counts there are, for `planAllocation`. */
  current(): Map<Ss58, number> {
    return new Map(this.partitions().map((partition) => [partition.validator, partition.wantedGeometry.chunkCount]));
  }

  /**
   * Makes the folder as planned: creates, resizes and removes partitions, and writes partition.json. Seals nothing; a later
   * `fillPartitions` does, and only that changes bytes of partitions that stay. Killed at any instant, the next call completes it.
   *
   * Partitions with problems stay as they are unless `restart`; a new one that cannot be made because other files are in its
   * place becomes a problem. No fill of this store may be running.
   *
   * @param restart Begin the filling of all planned partitions anew.
   * @throws {BtstoreError} `disk`, `disk_full`.
   */
  async applyPlan(plan: readonly Allotment[], { restart = false } = {}): Promise<PlanOutcome> {
    const wanted = new Map(plan.filter(({ chunkCount }) => chunkCount > 0).map(({ validator, chunkCount }) => [validator, chunkCount]));
    const outcome = { created: [] as Ss58[], resized: [] as Ss58[], removed: [] as Ss58[], withdrawnSectors: 0 };
    for (const [validator, partition] of [...this.#partitions]) {
      if (wanted.has(validator)) continue;
      // First out of service: a drop that fails half-way leaves it closed.
      this.#partitions.delete(validator);
      await partition.drop();
      outcome.removed.push(validator);
    }
    for (const [validator, chunkCount] of wanted) {
      if (restart) await this.#clear(validator);
      const partition = this.#partitions.get(validator);
      if (partition && partition.wantedGeometry.chunkCount !== chunkCount) {
        outcome.withdrawnSectors += partition.resize(chunkCount).withdrawnSectors;
        outcome.resized.push(validator);
      } else if (!partition && !this.#problems.has(validator)) {
        if (await this.#create(validator, chunkCount)) outcome.created.push(validator);
      }
      if (restart) await this.#partitions.get(validator)?.restart();
    }
    await this.#writeManifest();
    return outcome;
  }

  /** Closes all files and gives the folder back. */
  async close(): Promise<void> {
    for (const partition of this.#partitions.values()) await partition.close();
    this.#partitions.clear();
    await this.#lock?.release();
  }

  async #create(validator: Ss58, chunkCount: number): Promise<boolean> {
    try {
      this.#partitions.set(validator, await Partition.create(this.#key(validator), chunkCount));
      return true;
    } catch (error) {
      const failure = storeFailure(`make the partition for ${validator}`, error);
      if (failure.code !== "usage" && failure.code !== "corrupt") throw failure;
      this.#problems.set(validator, failure);
      return false;
    }
  }

  /** Removes the files of a partition that cannot be opened. */
  async #clear(validator: Ss58): Promise<void> {
    if (this.#partitions.has(validator)) return;
    const { data, hashes } = this.#paths(validator);
    const error = this.#problems.get(validator);
    // Files of another role, pair or chain are not ours to remove.
    if (error?.code === "usage") return;
    try {
      await rm(data, { force: true });
      removeHashes(hashes);
    } catch (cause) {
      throw storeFailure(`remove "${data}"`, cause);
    }
    this.#problems.delete(validator);
  }

  /** Validators of miner hashes files in the folder. */
  async #found(): Promise<Ss58[]> {
    let names: string[];
    try {
      names = await readdir(this.dir);
    } catch (error) {
      if (hasSystemCode(error, "ENOENT")) return [];
      throw storeFailure(`list "${this.dir}"`, error);
    }
    return names
      .map((name) => /^hashes-([1-9A-HJ-NP-Za-km-z]{48})$/.exec(name)?.[1] as Ss58 | undefined)
      .filter((validator): validator is Ss58 => validator !== undefined)
      .filter((validator) => existsSync(this.#paths(validator).data) || hashesIdentity(this.#paths(validator).hashes)?.role === "miner");
  }

  async #writeManifest(): Promise<void> {
    const { self, netuid } = this.#options;
    await updateManifest(this.dir, (entries) => {
      const before = new Map(entries.map((entry) => [keyOf(entry), entry]));
      const kept = entries.filter((entry) => entry.owner !== self || entry.netuid !== netuid || this.#problems.has(entry.validator));
      return [...kept, ...this.partitions().map((partition) => this.#entry(partition, before))];
    });
  }

  #entry(partition: Partition, before: ReadonlyMap<string, ManifestEntry>): ManifestEntry {
    const { chunkCount, byteLength, sectorCount } = partition.wantedGeometry;
    const entry = manifestEntry({ dir: this.dir, owner: this.#options.self, validator: partition.validator, chunkCount, netuid: this.#options.netuid, profile: this.#profile });
    const old = before.get(keyOf(entry));
    const isSame = old && old.path === entry.path && old.size === byteLength && old.sectors === sectorCount && old.seal === entry.seal;
    return isSame ? old : entry;
  }

  #key(validator: Ss58): PartitionKey {
    const { self, netuid, genesisHash } = this.#options;
    return { dir: this.dir, self, validator, netuid, genesisHash, profile: this.#profile };
  }

  #paths(validator: Ss58): { data: string; hashes: string } {
    return { data: join(this.dir, dataName(validator)), hashes: join(this.dir, hashesName(validator)) };
  }
}

/** A new entry of partition.json. */
export function manifestEntry({ dir, owner, validator, chunkCount, netuid, profile = SEAL_PROFILE }: {
  dir: string;
  owner: Ss58;
  validator: Ss58;
  chunkCount: number;
  netuid: number;
  profile?: SealProfile;
}): ManifestEntry {
  return {
    path: dir,
    owner,
    validator,
    size: chunkCount * CHUNK_BYTES,
    n_chunks: chunkCount,
    seed: sealSeed(owner, validator),
    netuid,
    chunk_size: CHUNK_BYTES,
    sectors: geometryOf(chunkCount, profile).sectorCount,
    seal: profile.name,
    updated_at: new Date().toISOString(),
  };
}

function keyOf({ owner, validator, netuid }: ManifestEntry): string {
  return `${owner} ${validator} ${netuid}`;
}
