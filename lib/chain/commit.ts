/**
 * What a validator commits to on a subnet with commit-reveal, and until when it stays hidden (facts 3.11).
 *
 * Pure. The payload and the hash must be the runtime's to the byte (`WeightsTlockPayload` and `get_commit_hash` of
 * `pallets/subtensor/src/subnets/weights.rs`); the vectors of facts 3.11 are in `test/chain/commit.test.ts`.
 */
import { blake2b } from "@noble/hashes/blake2.js";
import { assertBytes, assertInteger, concat, u16le, u64le } from "../core/mod.ts";

/** Weights as a commit holds them. */
export type CommittedWeights = {
  /** Public key of the hotkey, 32 bytes. */
  readonly account: Uint8Array;
  readonly uids: readonly number[];
  /** One per uid, u16. */
  readonly values: readonly number[];
  readonly versionKey: number;
};

/** Where a subnet stands between its epochs, as of the head. */
export type EpochState = {
  /** The newest block. */
  readonly block: number;
  /** Blocks per epoch, from 1. */
  readonly tempo: number;
  /** How many epochs after that of the commit it is revealed. */
  readonly revealPeriod: number;
  /** Null on runtimes before spec 423, which count epochs by block numbers. */
  readonly counted: {
    readonly lastEpochBlock: number;
    /** Epoch asked for by the owner, 0 for none. */
    readonly pendingEpochAt: number;
  } | null;
  readonly netuid: number;
};

/** A beacon's timetable. */
export type Beacon = {
  /** Compressed G2, 96 bytes. */
  readonly publicKey: Uint8Array;
  /** Seconds from round to round. */
  readonly periodSeconds: number;
  /** Unix time of round 1, seconds. */
  readonly genesisSeconds: number;
};

/** Blocks by which a reveal is later than the first of its epoch, so that the chain is in it when the round comes. */
const REVEAL_MARGIN_BLOCKS = 3;

/** SCALE of what is encrypted: the account as bytes, uids, values, version key. */
export function timelockPayload({ account, uids, values, versionKey }: CommittedWeights): Uint8Array {
  assertBytes(account, 32, "account");
  return concat(compactLength(account.length), account, u16List(uids), u16List(values), u64le(versionKey));
}

/** The hash that `commit_weights` takes, 32 bytes: blake2b-256 over account, subnet, weights, salt and version key. */
export function commitHash({ account, uids, values, versionKey }: CommittedWeights, netuid: number, salt: readonly number[]): Uint8Array {
  assertBytes(account, 32, "account");
  return blake2b(concat(account, u16le(netuid), u16List(uids), u16List(values), u16List(salt), u64le(versionKey)), { dkLen: 32 });
}

/**
 * The first block of the epoch in which a commit is revealed, if it is included in the next block.
 *
 * @throws {RangeError} If the subnet has no epochs.
 */
export function revealBlock({ block, tempo, revealPeriod, counted, netuid }: EpochState): number {
  assertInteger(tempo, 1, 65_535, "tempo");
  const included = block + 1;
  if (counted === null) {
    // Epoch e of those runtimes begins at block e · (tempo + 1) − (netuid + 1).
    const epoch = Math.floor((included + netuid + 1) / (tempo + 1));
    return (epoch + revealPeriod) * (tempo + 1) - (netuid + 1);
  }
  let { lastEpochBlock: last, pendingEpochAt: pending } = counted;
  const next = () => {
    const due = last + tempo;
    return Math.max(last + 1, pending > 0 ? Math.min(pending, due) : due);
  };
  const step = (at: number) => {
    last = at;
    pending = 0;
  };
  // An epoch that is due begins before the calls of its block: the commit is one of the new epoch.
  if (next() <= included) step(included);
  for (let epoch = 0; epoch < revealPeriod; epoch++) step(next());
  return last;
}

/**
 * The beacon's round by which a commit may be read.
 *
 * @param timeMs The chain's time at `state.block`, milliseconds since 1970.
 */
export function revealRound(state: EpochState, beacon: Beacon, timeMs: number, blockMs: number): number {
  const atMs = timeMs + (revealBlock(state) + REVEAL_MARGIN_BLOCKS - state.block) * blockMs;
  return Math.max(1, Math.ceil((atMs / 1000 - beacon.genesisSeconds) / beacon.periodSeconds));
}

function u16List(values: readonly number[]): Uint8Array {
  return concat(compactLength(values.length), ...values.map(u16le));
}

/** SCALE's compact form of a length, here at most 65,536. */
function compactLength(length: number): Uint8Array {
  assertInteger(length, 0, 65_536, "length");
  if (length < 1 << 6) return Uint8Array.of(length << 2);
  if (length < 1 << 14) return u16le((length << 2) | 1);
  return concat(u16le(((length << 2) | 2) & 0xffff), u16le((length << 2) >>> 16));
}
