/**
 * Every number the protocol fixes, with its unit and its arithmetic.
 *
 * Miner and validator must agree on all of them: changing one is a protocol change (DESIGN sections 4 and 5). What an
 * operator may choose lives in `cmd/flags.ts` instead.
 */

/** One piece, in bytes: the unit of proving, one leaf of every Merkle tree. */
export const PIECE_BYTES = 2048;

/** Pieces in one stripe, as they lie on disk. */
export const PIECES_PER_STRIPE = 128;

/** One stripe, in bytes: 256 KiB, one seek of one audit hop. */
export const STRIPE_BYTES = PIECE_BYTES * PIECES_PER_STRIPE;

/** Stripes in one chunk. */
export const STRIPES_PER_CHUNK = 4;

/** One chunk, in bytes: 1 MiB, what user data is stored in and what partitions are counted in. */
export const CHUNK_BYTES = STRIPE_BYTES * STRIPES_PER_CHUNK;

/** Pieces in one chunk. */
export const PIECES_PER_CHUNK = PIECES_PER_STRIPE * STRIPES_PER_CHUNK;

/** SHA-256 digests, Merkle nodes, nonces, public keys, block hashes. */
export const DIGEST_BYTES = 32;

/** sr25519 signatures. */
export const SIGNATURE_BYTES = 64;

/** How filler is made and laid out. Versioned: a partition records the name of the profile it was sealed under. */
export type SealProfile = {
  /** Name recorded beside the data. */
  readonly name: string;
  /** r of a full unit, in chunks (so units of r MiB). */
  readonly chunksPerUnit: number;
  /** A of a full sector. */
  readonly unitsPerSector: number;
  /** Passes × chunks of a unit: t = ceil(passChunks / r), so that every unit costs about the same to recompute. */
  readonly passChunks: number;
};

/**
 * The one profile of the product. 32 MiB × 64 passes: at fewer passes or larger units a cheat keeps a few percent of
 * the blocks and rebuilds the rest in parallel (DESIGN section 4); 128 units × 32 MiB = one sector of 4 GiB, so that
 * the 128 pieces of a stripe belong to 128 different computations.
 */
export const SEAL_PROFILE: SealProfile = { name: "btstore1", chunksPerUnit: 32, unitsPerSector: 128, passChunks: 2048 };

/** Password tag of a unit: the first 8 bytes of its 16-byte salt. */
export const UNIT_SALT_TAG = "btstore1";

/** Length of Argon2d's tag, kept with each unit. */
export const UNIT_TAG_BYTES = 32;

/** Hops per audit. Missing a fraction ε of the bytes passes with about (1 − ε)^16: 15 % at ε = 0.1. */
export const HOPS_PER_AUDIT = 16;

/** Pieces opened per hop: the link and one random other. */
export const OPENINGS_PER_HOP = 2;

/** Domain tag of the hop walk. */
export const HOP_TAG = "btstore-hop1";

/** Domain tag of a declaration's canonical bytes. */
export const DECLARATION_TAG = "btstore-declaration1";

/** Roots one declaration may list: 65,536 sectors of 4 GiB = 256 TiB. */
export const DECLARATION_ROOTS_MAX = 65_536;

/** Stripes one partition may have; bounds the modulo bias of a hop. */
export const STRIPES_MAX = 2 ** 40;

/** Fixed part of an audit's deadline, in milliseconds. Never scaled: it is what regenerating has to beat. */
export const AUDIT_DEADLINE_MS = 1000;

/** The most of a round trip that is added to the deadline, in milliseconds. */
export const ROUND_TRIP_ALLOWANCE_MS = 400;

/** A timing worker that itself stalled longer than this makes the verdict `unknown`, in milliseconds. */
export const WORKER_LAG_MAX_MS = 50;

/** The block time that protocol windows are written for, in milliseconds. */
export const STANDARD_BLOCK_MS = 12_000;
