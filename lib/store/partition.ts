/**
 * One partition on disk: the flat data file `data-<validator>` and its hashes file.
 *
 * Opening reads no data and as many rows as there are sectors, whatever the size. The data file is laid out by the
 * recorded chunk count; a resize first records what is wanted, is then visible in `declared()`, and changes bytes only in
 * `settle()`, so that audits under the old declaration can be answered until then. Every state a kill can leave is one
 * that `open` accepts and puts right. The file's space is reserved when it is made, where the file system can.
 */
import { existsSync } from "node:fs";
import { constants, open, rm, statfs, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { BtstoreError, DIGEST_BYTES, SEAL_PROFILE, STRIPE_BYTES, assertInteger, concat, formatSize, hasSystemCode, type SealProfile, type Ss58 } from "../core/mod.ts";
import { merklePath, preallocate } from "../native/mod.ts";
import { geometryOf, sealSeed, sectorAt, sectorOfStripe, type Geometry, type Sector } from "../space/mod.ts";
import { RESEAL_REMEDY, storeFailure } from "./failure.ts";
import { hashesName, openHashes, removeHashes, type OpenMode } from "./hashes.ts";
import { syncFolder } from "./manifest.ts";
import { Records, STRIPES_PER_GROUP, type OwnDeclaration, type SectorRecord, type SectorTree, type UnitRecord } from "./records.ts";

/** Whose partition it is and where. */
export type PartitionKey = {
  readonly dir: string;
  /** Our hotkey, the owner. */
  readonly self: Ss58;
  readonly validator: Ss58;
  readonly netuid: number;
  readonly genesisHash: Uint8Array;
  readonly profile?: SealProfile;
};

/** What may be declared: the leading sectors that are whole. */
export type Declared = {
  readonly unitCount: number;
  /** r. */
  readonly chunksPerUnit: number;
  readonly chunkCount: number;
  readonly stripeCount: number;
  /** One root per sector, 32 bytes each. */
  readonly roots: readonly Uint8Array[];
};

/** Name of a validator's data file. */
export function dataName(validator: Ss58): string {
  return `data-${validator}`;
}

export class Partition {
  readonly validator: Ss58;
  readonly dir: string;
  readonly dataPath: string;
  readonly seed: string;
  readonly netuid: number;
  readonly profile: SealProfile;
  /** What is sealed. Changes to sectors and layout go through the methods here. */
  readonly records: Records;
  readonly #data: FileHandle;
  #geometry: Geometry;
  #wanted: Geometry;
  #sectors = new Map<number, SectorRecord>();

  private constructor(key: PartitionKey, records: Records, data: FileHandle) {
    this.validator = key.validator;
    this.dir = key.dir;
    this.dataPath = join(key.dir, dataName(key.validator));
    this.seed = sealSeed(key.self, key.validator);
    this.netuid = key.netuid;
    this.profile = key.profile ?? SEAL_PROFILE;
    this.records = records;
    this.#data = data;
    const { chunkCount, wantedChunkCount } = records.layout();
    this.#geometry = recordedGeometry(chunkCount, this.profile);
    this.#wanted = recordedGeometry(wantedChunkCount, this.profile);
    // A row that cannot be right counts as not sealed: the next fill hashes the sector's units and records it anew.
    for (const record of records.sectors()) if (this.#isPossible(record)) this.#sectors.set(record.sectorIndex, record);
  }

  /**
   * Makes a partition, or opens the one that a killed `create` left.
   *
   * @param chunkCount A whole count (`wholeChunks`), at least 1.
   * @throws {BtstoreError} `corrupt` if there is a data file without a hashes file; else as `open`.
   */
  static async create(key: PartitionKey, chunkCount: number): Promise<Partition> {
    assertInteger(chunkCount, 1, Number.MAX_SAFE_INTEGER, "chunkCount");
    geometryOf(chunkCount, key.profile ?? SEAL_PROFILE);
    const dataPath = join(key.dir, dataName(key.validator));
    if (existsSync(dataPath) && !existsSync(join(key.dir, hashesName(key.validator)))) {
      throw new BtstoreError("corrupt", `Cannot make the partition: "${dataPath}" is there without its hashes file; put that back, or ${RESEAL_REMEDY}`);
    }
    return Partition.#attach(key, "create", chunkCount);
  }

  /**
   * Opens a partition.
   *
   * @param mode `read` beside a running owner; it repairs nothing.
   * @returns null if the partition was being removed; the removal is then finished (left alone with `read`).
   * @throws {BtstoreError} `corrupt` with the remedy if a file is missing, short, damaged or of another profile; `usage` if it is another
   *   pair's or chain's; `disk`.
   */
  static async open(key: PartitionKey, mode: "existing" | "read" = "existing"): Promise<Partition | null> {
    const partition = await Partition.#attach(key, mode, 0);
    if (!partition.records.layout().isDropped) return partition;
    await (mode === "read" ? partition.close() : partition.drop());
    return null;
  }

  static async #attach(key: PartitionKey, mode: OpenMode, chunkCount: number): Promise<Partition> {
    const profile = key.profile ?? SEAL_PROFILE;
    const identity = { role: "miner", self: key.self, peer: key.validator, netuid: key.netuid, genesisHash: key.genesisHash } as const;
    const records = new Records(openHashes(join(key.dir, hashesName(key.validator)), identity, mode));
    let data: FileHandle | undefined;
    try {
      if (mode === "create") records.begin(profile, chunkCount);
      else records.checkProfile(profile);
      data = await openData(join(key.dir, dataName(key.validator)), records, mode);
      const partition = new Partition(key, records, data);
      await partition.#fitFile(mode);
      return partition;
    } catch (error) {
      await data?.close();
      records.close();
      throw storeFailure(`open the partition for ${key.validator}`, error);
    }
  }

  /** The shape the data file has now. */
  get geometry(): Geometry {
    return this.#geometry;
  }

  /** The shape it is to have; differs from `geometry` between `resize` and `settle`. */
  get wantedGeometry(): Geometry {
    return this.#wanted;
  }

  /** Stripes that may be declared. */
  get stripeCount(): number {
    return this.declared().stripeCount;
  }

  /** What may be declared now: leading sectors, each wholly sealed and untouched by a resize that waits. */
  declared(): Declared {
    const roots: Uint8Array[] = [];
    let unitCount = 0;
    for (let index = 0; index < this.#keptSectors(); index++) {
      const sealed = this.#sectors.get(index);
      if (!sealed) break;
      roots.push(sealed.root);
      unitCount += sealed.unitCount;
    }
    const { chunksPerUnit } = this.#geometry;
    const { chunkCount, stripeCount } = geometryOf(unitCount * chunksPerUnit, this.profile);
    return { unitCount, chunksPerUnit, chunkCount, stripeCount, roots };
  }

  isSealed(sectorIndex: number): boolean {
    return this.#sectors.has(sectorIndex);
  }

  /** Bytes of recorded units, those of unfinished sectors included. */
  sealedBytes(): number {
    let bytes = 0;
    for (let index = 0; index < this.#geometry.sectorCount; index++) {
      const sector = sectorAt(this.#geometry, index);
      const units = this.#sectors.has(index) ? sector.unitCount : this.records.unitCount(sector.firstUnit, sector.firstUnit + sector.unitCount - 1);
      bytes += (units * sector.byteLength) / sector.unitCount;
    }
    return bytes;
  }

  /** Bytes the data file takes on disk. */
  async takenBytes(): Promise<number> {
    return (await this.#data.stat()).blocks * 512;
  }

  /** Free bytes of the volume. */
  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.dir);
    return bavail * bsize;
  }

  /**
   * Reads one stripe.
   *
   * @param stripeIndex Index in the partition.
   * @returns STRIPE_BYTES bytes, the caller's own.
   * @throws {BtstoreError} `disk`, or `corrupt` if the file ends before it.
   */
  async readStripe(stripeIndex: number): Promise<Uint8Array> {
    assertInteger(stripeIndex, 0, this.#geometry.stripeCount - 1, "stripeIndex");
    return this.readAt(stripeIndex * STRIPE_BYTES, STRIPE_BYTES);
  }

  /** Reads `length` bytes at `offset` of the data file; throws as `readStripe`. */
  async readAt(offset: number, length: number): Promise<Uint8Array> {
    // Not pooled, and not zeroed: it is filled whole or not returned.
    const bytes = Buffer.allocUnsafeSlow(length);
    try {
      for (let filled = 0; filled < length; ) {
        const { bytesRead } = await this.#data.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) throw shortFile(this.dataPath, offset + filled, offset + length);
        filled += bytesRead;
      }
    } catch (error) {
      throw storeFailure(`read "${this.dataPath}" at byte ${offset}`, error);
    }
    return bytes;
  }

  /** Writes bytes at `offset` of the data file; `sync` makes them durable. */
  async writeAt(offset: number, bytes: Uint8Array): Promise<void> {
    try {
      for (let written = 0; written < bytes.length; ) {
        written += (await this.#data.write(bytes, written, bytes.length - written, offset + written)).bytesWritten;
      }
    } catch (error) {
      throw storeFailure(`write "${this.dataPath}" at byte ${offset}`, error);
    }
  }

  /** Makes all that was written to the data file durable, by whomever. */
  async sync(): Promise<void> {
    try {
      await this.#data.datasync();
    } catch (error) {
      throw storeFailure(`write "${this.dataPath}"`, error);
    }
  }

  /**
   * Siblings from a stripe's root to its sector's root, 32 bytes each: two rows and at most 2 × 127 hashes.
   *
   * @throws {BtstoreError} `corrupt` if the sector is not sealed or its roots are damaged.
   */
  async commitmentPath(stripeIndex: number): Promise<Uint8Array> {
    const sector = sectorOfStripe(this.#geometry, stripeIndex);
    const stripe = stripeIndex - sector.firstStripe;
    const group = Math.floor(stripe / STRIPES_PER_GROUP);
    const tree = this.groupOf(sector, group);
    if (!tree) throw new BtstoreError("corrupt", `Cannot prove stripe ${stripeIndex} of "${this.dataPath}": its roots are not recorded; run "btstore verify --repair"`);
    return concat(merklePath(tree.stripeRoots, stripe % STRIPES_PER_GROUP), merklePath(tree.groupRoots, group));
  }

  /** Recorded roots around one group of stripes; null if any is missing or of the wrong size. */
  groupOf(sector: Sector, group: number): { stripeRoots: Uint8Array; groupRoots: Uint8Array } | null {
    const groupCount = Math.ceil(sector.stripeCount / STRIPES_PER_GROUP);
    const stripesHere = Math.min(STRIPES_PER_GROUP, sector.stripeCount - group * STRIPES_PER_GROUP);
    const stripeRoots = this.records.stripeRoots(sector.index, group);
    const groupRoots = this.records.groupRoots(sector.index);
    if (stripeRoots?.length !== stripesHere * DIGEST_BYTES || groupRoots?.length !== groupCount * DIGEST_BYTES) return null;
    return { stripeRoots, groupRoots };
  }

  /** The recorded root of a sealed sector. */
  rootOf(sectorIndex: number): Uint8Array | undefined {
    return this.#sectors.get(sectorIndex)?.root;
  }

  /** Records units whose bytes are on disk. */
  recordUnits(units: readonly UnitRecord[]): void {
    this.records.addUnits(units);
  }

  /** Records a sector all of whose units are recorded. */
  recordSector(sector: Sector, tree: SectorTree): void {
    this.records.addSector(sector.index, sector.unitCount, tree);
    this.#sectors.set(sector.index, { sectorIndex: sector.index, unitCount: sector.unitCount, root: tree.root });
  }

  /** Withdraws a sector, and forgets the given units of it (index in the partition): the next fill seals them again. */
  withdraw(sectorIndex: number, unitIndexes: readonly number[]): void {
    this.records.forget(sectorIndex, unitIndexes);
    this.#sectors.delete(sectorIndex);
  }

  /**
   * Records a new size. Sectors that it changes leave `declared()` at once; bytes change only in `settle`.
   *
   * @param chunkCount A whole count, at least 1.
   * @returns How many sealed sectors are withdrawn by it.
   */
  resize(chunkCount: number): { withdrawnSectors: number } {
    assertInteger(chunkCount, 1, Number.MAX_SAFE_INTEGER, "chunkCount");
    const before = this.declared().roots.length;
    const wanted = geometryOf(chunkCount, this.profile);
    this.records.setWanted(chunkCount);
    this.#wanted = wanted;
    return { withdrawnSectors: Math.max(0, before - this.declared().roots.length) };
  }

  /** Carries a recorded resize out: forgets the sectors it changes and fits the file. Nothing to do is fine. */
  async settle(): Promise<void> {
    if (this.#wanted.chunkCount === this.#geometry.chunkCount) return;
    await this.#relayout(this.#keptSectors());
  }

  /** Forgets all that is sealed; the declaration serials go on. */
  async restart(): Promise<void> {
    await this.#relayout(0);
  }

  /** Removes the partition for good: data first, hashes last, so that a kill in between is finished by `open`. */
  async drop(): Promise<void> {
    this.records.setDropped();
    await this.close();
    try {
      await rm(this.dataPath, { force: true });
      removeHashes(join(this.dir, hashesName(this.validator)));
      await syncFolder(this.dir);
    } catch (error) {
      throw storeFailure(`remove "${this.dataPath}"`, error);
    }
  }

  /** Takes the next declaration serial; see `Records.nextSerial`. */
  nextSerial(nowMs: number): number {
    return this.records.nextSerial(nowMs);
  }

  /** Keeps a declaration we signed, so that a restart serves the same one. */
  saveDeclaration(declaration: OwnDeclaration): void {
    this.records.addDeclaration(declaration);
  }

  /** The last declarations we signed, newest first. */
  declarations(): OwnDeclaration[] {
    return this.records.declarations();
  }

  async close(): Promise<void> {
    await this.#data.close();
    this.records.close();
  }

  #isPossible({ sectorIndex, unitCount, root }: SectorRecord): boolean {
    return sectorIndex >= 0 && sectorIndex < this.#geometry.sectorCount && unitCount === sectorAt(this.#geometry, sectorIndex).unitCount && root.length === DIGEST_BYTES;
  }

  /** Leading sectors that lie the same in the present and the wanted shape. */
  #keptSectors(): number {
    const [now, wanted] = [this.#geometry, this.#wanted];
    if (now.chunksPerUnit !== wanted.chunksPerUnit) return 0;
    const shared = Math.min(now.sectorCount, wanted.sectorCount);
    const isSame = shared === 0 || sectorAt(now, shared - 1).unitCount === sectorAt(wanted, shared - 1).unitCount;
    return isSame ? shared : shared - 1;
  }

  async #relayout(keptSectors: number): Promise<void> {
    this.records.relayout(this.#wanted.chunkCount, keptSectors, keptSectors * this.profile.unitsPerSector);
    this.#geometry = this.#wanted;
    for (const index of [...this.#sectors.keys()]) if (index >= keptSectors) this.#sectors.delete(index);
    await this.#fitFile("existing");
  }

  /** Makes the data file as long as the layout says. Short of sealed bytes it is damaged, short of others only unfinished. */
  async #fitFile(mode: OpenMode): Promise<void> {
    const { size } = await this.#data.stat();
    const sealedEnd = this.#sealedEnd();
    if (size < sealedEnd) throw shortFile(this.dataPath, size, sealedEnd);
    const { byteLength } = this.#geometry;
    if (size === byteLength || mode === "read") return;
    try {
      if (byteLength > size) this.#reserve(byteLength, mode);
      await this.#data.truncate(byteLength);
      await this.#data.sync();
      await syncFolder(this.dir);
    } catch (error) {
      throw storeFailure(`size "${this.dataPath}" to ${formatSize(this.#geometry.byteLength)}`, error);
    }
  }

  /** Reserves the file's space. Where that cannot be had the file stays sparse, and a full disk shows during the fill. */
  #reserve(byteLength: number, mode: OpenMode): void {
    try {
      preallocate(this.#data.fd, byteLength);
    } catch (error) {
      // What is sealed must still be served; a new partition that does not fit is better not begun.
      if (mode === "create" || !(error instanceof BtstoreError) || error.code !== "disk_full") throw error;
    }
  }

  /** Where the last sector ends that holds a sealed unit. */
  #sealedEnd(): number {
    const last = this.records.lastUnit(this.#geometry.unitCount);
    if (last < 0) return 0;
    const sector = sectorAt(this.#geometry, Math.floor(last / this.profile.unitsPerSector));
    return sector.byteOffset + sector.byteLength;
  }
}

/** The shape for a recorded chunk count, which may have rotted. */
function recordedGeometry(chunkCount: number, profile: SealProfile): Geometry {
  try {
    return geometryOf(chunkCount, profile);
  } catch (error) {
    throw new BtstoreError("corrupt", `Cannot use the partition: its hashes file records ${chunkCount} chunks, which no partition has; ${RESEAL_REMEDY}`, { cause: error });
  }
}

/** Opens the data file; makes it only where nothing is sealed that it should hold. */
async function openData(path: string, records: Records, mode: OpenMode): Promise<FileHandle> {
  const mayCreate = mode !== "read" && records.lastUnit(Number.MAX_SAFE_INTEGER) < 0;
  try {
    return await open(path, mode === "read" ? constants.O_RDONLY : constants.O_RDWR | (mayCreate ? constants.O_CREAT : 0), 0o644);
  } catch (error) {
    if (!hasSystemCode(error, "ENOENT")) throw error;
    throw new BtstoreError("corrupt", `Cannot open "${path}": the data file is missing though parts of it are sealed; put it back, or ${RESEAL_REMEDY}`, { cause: error });
  }
}

function shortFile(path: string, has: number, needs: number): BtstoreError {
  return new BtstoreError("corrupt", `Cannot use "${path}": it ends at byte ${has}, sealed data reach to byte ${needs}; put the whole file back, or ${RESEAL_REMEDY}`);
}
