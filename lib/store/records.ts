/**
 * The tables of a miner's hashes file: what is sealed, and under which roots.
 *
 * A unit is recorded after its bytes are on disk, a sector after all its units are; nothing is ever recorded ahead of the
 * data. Stripe roots stand in rows of 128 (4 KiB) with one more row of the roots over those rows, so that a commitment path
 * reads two rows whatever the partition's size. Metadata take about 150 KB per GiB.
 */
import type { Database } from "bun:sqlite";
import { BtstoreError, type SealProfile } from "../core/mod.ts";
import { RESEAL_REMEDY, storeFailure } from "./failure.ts";

/** Stripe roots in one row; a power of two, so that the root over a row is a node of the sector's tree. */
export const STRIPES_PER_GROUP = 128;

/** Rows of one sector are numbered within a range of this many. */
const GROUPS_MAX = 2 ** 16;

/** Own declarations kept: the one in force and those that may still be asked for. */
const DECLARATIONS_KEPT = 4;

/** A sealed unit. */
export type UnitRecord = {
  /** Index in the partition. */
  readonly unitIndex: number;
  /** Argon2d tag, 32 bytes. */
  readonly tag: Uint8Array;
  /** SHA-256 over the unit's leaf hashes in order, 32 bytes. */
  readonly digest: Uint8Array;
};

/** A sealed sector. */
export type SectorRecord = {
  readonly sectorIndex: number;
  readonly unitCount: number;
  /** Merkle root over the sector's pieces, 32 bytes. */
  readonly root: Uint8Array;
};

/** The upper levels of a sealed sector's tree. */
export type SectorTree = {
  readonly root: Uint8Array;
  /** Roots over the groups, in order. */
  readonly groupRoots: Uint8Array;
  /** Stripe roots of each group, in order. */
  readonly stripeRoots: readonly Uint8Array[];
};

/** A declaration we signed, as opaque bytes. */
export type OwnDeclaration = { readonly serial: number; readonly bytes: Uint8Array; readonly createdMs: number };

type StateRow = { profile: string; chunk_count: number; wanted_chunk_count: number; serial: number; is_dropped: number };

const TABLES = `
  CREATE TABLE IF NOT EXISTS state (profile TEXT NOT NULL, chunk_count INTEGER NOT NULL, wanted_chunk_count INTEGER NOT NULL,
    serial INTEGER NOT NULL, is_dropped INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS units (unit_index INTEGER PRIMARY KEY, tag BLOB NOT NULL, digest BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS sectors (sector_index INTEGER PRIMARY KEY, unit_count INTEGER NOT NULL, root BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS group_roots (sector_index INTEGER PRIMARY KEY, roots BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS stripe_roots (group_id INTEGER PRIMARY KEY, roots BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS own_declarations (serial INTEGER PRIMARY KEY, bytes BLOB NOT NULL, created_ms INTEGER NOT NULL) STRICT;
`;

/**
 * What is recorded of one partition. Every method is one transaction. On disk when it returns, except what is sealed: a
 * power cut may take back the latest of that, which is then sealed again, and the thread that answers audits does not
 * wait for a disk busy with filling. A serial goes to disk with all before it, so nothing is declared that could be taken back.
 */
export class Records {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Makes the tables of a new partition; of an old one, checks the seal profile.
   *
   * @throws {BtstoreError} `corrupt` if it was sealed under another profile.
   */
  begin(profile: SealProfile, chunkCount: number): void {
    this.#write(() => {
      this.#database.run(TABLES);
      if (this.#database.query("SELECT 1 FROM state").get()) return;
      this.#database.query("INSERT INTO state VALUES (?, ?, ?, 0, 0)").run(profileText(profile), chunkCount, chunkCount);
    });
    this.checkProfile(profile);
  }

  checkProfile(profile: SealProfile): void {
    const { profile: found } = this.#state();
    if (found === profileText(profile)) return;
    throw new BtstoreError("corrupt", `Cannot use the partition: it was sealed as ${found}, this btstore seals as ${profileText(profile)}; ${RESEAL_REMEDY}`);
  }

  /** The chunk count the data file is laid out for, and the one it is to become. */
  layout(): { chunkCount: number; wantedChunkCount: number; isDropped: boolean } {
    const { chunk_count: chunkCount, wanted_chunk_count: wantedChunkCount, is_dropped } = this.#state();
    return { chunkCount, wantedChunkCount, isDropped: is_dropped !== 0 };
  }

  setWanted(chunkCount: number): void {
    this.#write(() => this.#database.query("UPDATE state SET wanted_chunk_count = ?").run(chunkCount));
  }

  /** Marks the partition for removal and forgets what is sealed; `open` finishes it if the process dies. */
  setDropped(): void {
    this.#write(() => {
      this.#database.run("UPDATE state SET is_dropped = 1");
      for (const table of ["units", "sectors", "group_roots", "stripe_roots"]) this.#database.run(`DELETE FROM ${table}`);
    });
  }

  /**
   * Changes the layout and forgets every sector from `firstSector` on, with its units.
   *
   * @param firstUnit The first unit of that sector.
   */
  relayout(chunkCount: number, firstSector: number, firstUnit: number): void {
    this.#write(() => {
      this.#database.query("UPDATE state SET chunk_count = ?1, wanted_chunk_count = ?1").run(chunkCount);
      this.#forgetSectors(firstSector, Number.MAX_SAFE_INTEGER);
      this.#database.query("DELETE FROM units WHERE unit_index >= ?").run(firstUnit);
    });
  }

  /** Forgets one sector's roots and the given units of it, so that they are sealed again. */
  forget(sectorIndex: number, unitIndexes: readonly number[]): void {
    this.#note(() => {
      this.#forgetSectors(sectorIndex, sectorIndex);
      const remove = this.#database.query("DELETE FROM units WHERE unit_index = ?");
      for (const unitIndex of unitIndexes) remove.run(unitIndex);
    });
  }

  addUnits(units: readonly UnitRecord[]): void {
    this.#note(() => {
      const insert = this.#database.query("INSERT OR REPLACE INTO units VALUES (?, ?, ?)");
      for (const { unitIndex, tag, digest } of units) insert.run(unitIndex, tag, digest);
    });
  }

  addSector(sectorIndex: number, unitCount: number, tree: SectorTree): void {
    this.#note(() => {
      this.#forgetSectors(sectorIndex, sectorIndex);
      this.#database.query("INSERT INTO group_roots VALUES (?, ?)").run(sectorIndex, tree.groupRoots);
      const insert = this.#database.query("INSERT INTO stripe_roots VALUES (?, ?)");
      tree.stripeRoots.forEach((roots, group) => insert.run(sectorIndex * GROUPS_MAX + group, roots));
      this.#database.query("INSERT INTO sectors VALUES (?, ?, ?)").run(sectorIndex, unitCount, tree.root);
    });
  }

  /** Units recorded with index `first` to `last`, in order. */
  units(first: number, last: number): UnitRecord[] {
    type Row = { unit_index: number; tag: Uint8Array; digest: Uint8Array };
    const rows = this.#rows<Row>("SELECT * FROM units WHERE unit_index BETWEEN ? AND ? ORDER BY unit_index", first, last);
    return rows.map(({ unit_index: unitIndex, tag, digest }) => ({ unitIndex, tag, digest }));
  }

  unitCount(first: number, last: number): number {
    return this.#rows<{ count: number }>("SELECT count(*) AS count FROM units WHERE unit_index BETWEEN ? AND ?", first, last)[0]!.count;
  }

  /** The highest recorded unit below `unitCount`; −1 if there is none. */
  lastUnit(unitCount: number): number {
    return this.#rows<{ last: number | null }>("SELECT max(unit_index) AS last FROM units WHERE unit_index BETWEEN 0 AND ?", unitCount - 1)[0]!.last ?? -1;
  }

  /** All sealed sectors, in order. */
  sectors(): SectorRecord[] {
    const rows = this.#rows<{ sector_index: number; unit_count: number; root: Uint8Array }>("SELECT * FROM sectors ORDER BY sector_index");
    return rows.map(({ sector_index: sectorIndex, unit_count: unitCount, root }) => ({ sectorIndex, unitCount, root }));
  }

  /** Roots over a sealed sector's groups; null if they are missing. */
  groupRoots(sectorIndex: number): Uint8Array | null {
    return this.#rows<{ roots: Uint8Array }>("SELECT roots FROM group_roots WHERE sector_index = ?", sectorIndex)[0]?.roots ?? null;
  }

  /** Stripe roots of one group of a sealed sector; null if they are missing. */
  stripeRoots(sectorIndex: number, group: number): Uint8Array | null {
    return this.#rows<{ roots: Uint8Array }>("SELECT roots FROM stripe_roots WHERE group_id = ?", sectorIndex * GROUPS_MAX + group)[0]?.roots ?? null;
  }

  /**
   * Takes the next declaration serial: greater than every one before, even if the hashes file was lost in between,
   * because it never lies behind the clock.
   *
   * @param nowMs Wall clock, milliseconds since 1970.
   */
  nextSerial(nowMs: number): number {
    return this.#write(() => {
      const serial = Math.max(this.#state().serial + 1, Math.floor(nowMs / 1000));
      this.#database.query("UPDATE state SET serial = ?").run(serial);
      return serial;
    });
  }

  /** Keeps a signed declaration, and the few before it. */
  addDeclaration(declaration: OwnDeclaration): void {
    this.#write(() => {
      this.#database.query("INSERT OR REPLACE INTO own_declarations VALUES (?, ?, ?)").run(declaration.serial, declaration.bytes, declaration.createdMs);
      this.#database.query("DELETE FROM own_declarations WHERE serial NOT IN (SELECT serial FROM own_declarations ORDER BY serial DESC LIMIT ?)").run(DECLARATIONS_KEPT);
    });
  }

  /** The declarations kept, newest first. */
  declarations(): OwnDeclaration[] {
    const rows = this.#rows<{ serial: number; bytes: Uint8Array; created_ms: number }>("SELECT * FROM own_declarations ORDER BY serial DESC");
    return rows.map(({ serial, bytes, created_ms: createdMs }) => ({ serial, bytes, createdMs }));
  }

  close(): void {
    this.#database.close();
  }

  #state(): StateRow {
    const [row] = this.#rows<StateRow>("SELECT * FROM state");
    if (!row) throw new BtstoreError("corrupt", `Cannot use the partition: its hashes file holds no state; ${RESEAL_REMEDY}`);
    return row;
  }

  #write<Result>(change: () => Result): Result {
    try {
      return this.#database.transaction(change).immediate();
    } catch (error) {
      throw storeFailure(`write to "${this.#database.filename}"`, error);
    }
  }

  /** Writes without waiting for the disk. */
  #note(change: () => void): void {
    this.#database.run("PRAGMA synchronous = NORMAL");
    try {
      this.#write(change);
    } finally {
      this.#database.run("PRAGMA synchronous = FULL");
    }
  }

  #rows<Row>(sql: string, ...values: number[]): Row[] {
    try {
      return this.#database.query<Row, number[]>(sql).all(...values);
    } catch (error) {
      throw storeFailure(`read "${this.#database.filename}"`, error);
    }
  }

  #forgetSectors(first: number, last: number): void {
    this.#database.query("DELETE FROM sectors WHERE sector_index BETWEEN ? AND ?").run(first, last);
    this.#database.query("DELETE FROM group_roots WHERE sector_index BETWEEN ? AND ?").run(first, last);
    // Row numbers stay whole: 65,536 sectors × 65,536 groups.
    const lastGroup = Math.min(last, GROUPS_MAX) * GROUPS_MAX + GROUPS_MAX - 1;
    this.#database.query("DELETE FROM stripe_roots WHERE group_id BETWEEN ? AND ?").run(first * GROUPS_MAX, lastGroup);
  }
}

function profileText({ name, chunksPerUnit, unitsPerSector, passChunks }: SealProfile): string {
  return `${name} (${chunksPerUnit} chunks per unit, ${unitsPerSector} units per sector, ${passChunks} pass chunks)`;
}
