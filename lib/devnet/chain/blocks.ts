/**
 * The chain of blocks: produces them, remembers them, tells who listens. There are no forks; a block is final when the
 * next one stands on it, so that clients see inclusion and finality apart, as on the real chain.
 *
 * Hashes are real (blake2-256 of the SCALE header); the two roots in a header are digests over what changed and what
 * was included, not tries.
 */
import { blake2AsU8a } from "@polkadot/util-crypto";
import { concat, fromHex } from "../../core/mod.ts";
import { publishPulses } from "./drand.ts";
import { BlockContext, findInvalidity } from "./executive.ts";
import { encodeInherent, type Extrinsic } from "./extrinsic.ts";
import { BlockHash, BlockNumber, EventCount, ParentHash, Account, setSpecVersion } from "./pallets/system.ts";
import { stepSubnets } from "./pallets/subtensor/step.ts";
import { CurrentSlot, Now } from "./pallets/timestamp.ts";
import { Pool, type Status } from "./pool.ts";
import { H256, type Hash, hashHex, ZERO_HASH } from "./primitives.ts";
import { Events } from "./runtime.ts";
import { compact, struct, U32, U8, vec, type Value } from "./scale.ts";
import { HISTORY_BLOCKS, type State, type StateReader } from "./state.ts";

/** `sp_runtime::generic::Header`; the digest stays empty. */
export const Header = struct("", { parent_hash: H256, number: compact(U32), state_root: H256, extrinsics_root: H256, digest: vec(U8) });

export type Block = { hash: Hash; header: Value<typeof Header>; extrinsics: Uint8Array[] };

/** What a listener is told of a new block. */
export type BlockListener = (block: Block, changedKeys: ReadonlySet<string>) => void;

/** Extrinsic bytes in one block, the real chain's limit for normal ones (BlockLength). */
const BLOCK_BYTES_MAX = 7_864_320;
/** Signatures one block verifies; a bound on its time. */
const BLOCK_EXTRINSICS_MAX = 512;

export class Blocks {
  readonly state: State;
  readonly pool = new Pool();
  readonly blockMs: number;
  readonly listeners = new Set<BlockListener>();
  readonly #byNumber = new Map<number, Block>();
  readonly #numbers = new Map<Hash, number>();
  #head: Block;
  #finalized: Block;
  /** Who waits for the head to be final. */
  #unfinalized: ((status: Status) => void)[] = [];

  /** @param state Block 0's state, complete. */
  constructor(state: State, blockMs: number) {
    this.state = state;
    this.blockMs = blockMs;
    const keys = state.keys("");
    this.#head = this.#seal({ parent_hash: ZERO_HASH, number: 0, state_root: this.#rootOver(ZERO_HASH, keys), extrinsics_root: hashHex(blake2AsU8a(new Uint8Array(0), 256)), digest: [] }, []);
    this.#finalized = this.#head;
    BlockHash.set(state, [0], this.#head.hash);
    state.commit(0);
  }

  get head(): Block {
    return this.#head;
  }

  /** The head's parent, or the genesis block. */
  get finalized(): Block {
    return this.#finalized;
  }

  /** A block still remembered, by number. */
  byNumber(number: number): Block | null {
    return this.#byNumber.get(number) ?? null;
  }

  /** A block still remembered, by hash. */
  byHash(hash: Hash): Block | null {
    const number = this.#numbers.get(hash);
    return number === undefined ? null : this.byNumber(number);
  }

  /** The state after a remembered block. */
  stateAt(block: Block): StateReader {
    return block === this.#head ? this.state : this.state.at(block.header.number);
  }

  /** Takes an extrinsic into the pool (see `Pool.submit`). */
  submit(extrinsic: Extrinsic, watcher?: (status: Status) => void): () => void {
    return this.pool.submit(this.state, idOf(this.#head), extrinsic, watcher);
  }

  /**
   * Makes one block of what waits and tells everybody.
   *
   * @param timeMs The block's time, milliseconds since 1970.
   * @param specVersion The runtime that takes over with this block; null if none does.
   */
  produce(timeMs: number, specVersion: number | null = null): Block {
    const { state } = this;
    const parent = this.#head;
    const number = parent.header.number + 1;
    const context = new BlockContext(state, number);
    BlockNumber.set(state, [], number);
    ParentHash.set(state, [], parent.hash);
    BlockHash.set(state, [parent.header.number], parent.hash);
    // The genesis hash stays: immortal extrinsics are signed over it.
    if (number > HISTORY_BLOCKS + 1) BlockHash.remove(state, number - HISTORY_BLOCKS - 1);
    Now.set(state, [], BigInt(timeMs));
    CurrentSlot.set(state, [], BigInt(Math.floor(timeMs / this.blockMs)));
    if (specVersion !== null) setSpecVersion(state, specVersion);
    publishPulses(context, timeMs);
    stepSubnets(context);

    const inherent = encodeInherent({ kind: "Timestamp", value: [{ kind: "set", value: { now: BigInt(timeMs) } }] });
    context.applyInherent(0);
    const extrinsics = [inherent];
    const watchers = this.#include(context, extrinsics);
    Events.set(state, [], context.events as never);
    EventCount.set(state, [], context.events.length);

    const changed = state.commit(number);
    const block = this.#seal(
      {
        parent_hash: parent.hash,
        number,
        state_root: this.#rootOver(parent.header.state_root, changed),
        extrinsics_root: hashHex(blake2AsU8a(concat(...extrinsics.map((bytes) => blake2AsU8a(bytes, 256))), 256)),
        digest: [],
      },
      extrinsics,
    );
    this.#head = block;
    this.#finalized = parent;
    for (const watcher of watchers) watcher({ inBlock: `0x${block.hash}` });
    const changedKeys = new Set(changed);
    for (const listener of [...this.listeners]) listener(block, changedKeys);
    for (const watcher of this.#unfinalized) watcher({ finalized: `0x${parent.hash}` });
    this.#unfinalized = watchers;
    return block;
  }

  /** Applies what is ready; drops what has become invalid. Returns the watchers of what went in. */
  #include(context: BlockContext, extrinsics: Uint8Array[]): ((status: Status) => void)[] {
    const included: ((status: Status) => void)[] = [];
    let bytes = 0;
    // Ordered by nonce within an account; an account's extrinsics may have arrived in any order.
    const waiting = this.pool.pending().sort((a, b) => a.signed.nonce - b.signed.nonce);
    for (const extrinsic of waiting) {
      if (extrinsics.length > BLOCK_EXTRINSICS_MAX || bytes + extrinsic.bytes.length > BLOCK_BYTES_MAX) break;
      if (extrinsic.signed.nonce > Account.get(this.state, extrinsic.signed.signer).nonce) continue;
      if (findInvalidity(this.state, idOf(this.#head), extrinsic)) {
        this.pool.remove(extrinsic.hash, "invalid");
        continue;
      }
      context.apply(extrinsic, extrinsics.length);
      extrinsics.push(extrinsic.bytes);
      bytes += extrinsic.bytes.length;
      included.push(...this.pool.remove(extrinsic.hash));
    }
    return included;
  }

  #rootOver(previous: Hash, keys: readonly string[]): Hash {
    const parts = keys.map((key) => concat(fromHex(key), this.state.get(key) ?? new Uint8Array(0)));
    return hashHex(blake2AsU8a(concat(fromHex(previous), ...parts), 256));
  }

  #seal(header: Block["header"], extrinsics: Uint8Array[]): Block {
    const block: Block = { header, extrinsics, hash: hashHex(blake2AsU8a(Header.encode(header), 256)) };
    this.#byNumber.set(header.number, block);
    this.#numbers.set(block.hash, header.number);
    const oldest = this.#byNumber.get(header.number - HISTORY_BLOCKS);
    // Genesis stays: clients ask for it by number.
    if (oldest && oldest.header.number > 0) {
      this.#byNumber.delete(oldest.header.number);
      this.#numbers.delete(oldest.hash);
    }
    return block;
  }
}

const idOf = ({ header: { number }, hash }: Block) => ({ number, hash });
