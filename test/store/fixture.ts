/** Small partitions in temporary folders, and a slow filler to hold the fast one to. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PIECE_BYTES, concat, type SealProfile, type Ss58 } from "../../lib/core/mod.ts";
import { argon2d } from "../../lib/native/mod.ts";
import { geometryOf, leafHash, merkleRoot, piecePosition, sealSeed, sectorAt, unitSpec } from "../../lib/space/mod.ts";
import type { PartitionKey } from "../../lib/store/mod.ts";

/** Units of 2 MiB, sectors of 8 MiB (32 stripes). */
export const TINY: SealProfile = { name: "tiny", chunksPerUnit: 2, unitsPerSector: 4, passChunks: 4 };

/** Sectors of 40 MiB (160 stripes), so that stripe roots take two rows. */
export const WIDE: SealProfile = { name: "wide", chunksPerUnit: 2, unitsPerSector: 20, passChunks: 2 };

export const GENESIS = new Uint8Array(32).fill(7);

/** Well-formed to look at; nothing here checks checksums. */
export function address(name: string): Ss58 {
  return `5${name}`.padEnd(48, "A") as Ss58;
}

export const MINER = address("Miner");
export const VALIDATOR = address("Vari");

export function keyIn(dir: string, profile: SealProfile = TINY): PartitionKey {
  return { dir, self: MINER, validator: VALIDATOR, netuid: 3, genesisHash: GENESIS, profile };
}

/** Runs `body` with an empty folder that is gone afterwards. */
export async function withFolder<Result>(body: (dir: string) => Promise<Result>): Promise<Result> {
  const dir = await mkdtemp(join(tmpdir(), "btstore-store-"));
  try {
    return await body(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

export type Filled = { bytes: Uint8Array; roots: Uint8Array[]; tags: Uint8Array[] };

const filled = new Map<string, Filled>();

/** The data file as DESIGN section 4 says, unit by unit and piece by piece, its sector roots and unit tags. Not to be changed. */
export function slowFill(chunkCount: number, profile: SealProfile = TINY, key = keyIn("")): Filled {
  const name = `${chunkCount} ${profile.name} ${key.validator}`;
  const known = filled.get(name) ?? fillSlowly(chunkCount, profile, key);
  filled.set(name, known);
  return known;
}

function fillSlowly(chunkCount: number, profile: SealProfile, key: PartitionKey): Filled {
  const geometry = geometryOf(chunkCount, profile);
  const bytes = new Uint8Array(geometry.byteLength);
  const roots: Uint8Array[] = [];
  const tags: Uint8Array[] = [];
  for (let index = 0; index < geometry.sectorCount; index++) {
    const sector = sectorAt(geometry, index);
    for (let unit = 0; unit < sector.unitCount; unit++) {
      const { password, salt, chunks, passes } = unitSpec(sealSeed(key.self, key.validator), key.netuid, sector.firstUnit + unit, sector.chunksPerUnit, profile);
      const memory = new Uint8Array(chunks * 2 ** 20);
      tags.push(argon2d({ password, salt, memoryKib: chunks * 1024, passes }, memory));
      for (let piece = 0; piece < sector.piecesPerUnit; piece++) {
        bytes.set(memory.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES), sector.byteOffset + piecePosition(sector, unit, piece) * PIECE_BYTES);
      }
    }
    const leaves: Uint8Array[] = [];
    for (let offset = 0; offset < sector.byteLength; offset += PIECE_BYTES) {
      leaves.push(leafHash(bytes.subarray(sector.byteOffset + offset, sector.byteOffset + offset + PIECE_BYTES)));
    }
    roots.push(merkleRoot(concat(...leaves)));
  }
  return { bytes, roots, tags };
}
