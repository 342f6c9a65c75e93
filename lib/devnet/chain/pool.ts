/** Extrinsics waiting for a block: at most one per account and nonce, bounded in all. */
import type { Extrinsic } from "./extrinsic.ts";
import { type BlockId, findInvalidity } from "./executive.ts";
import { Account as AccountInfo } from "./pallets/system.ts";
import type { Account, Hash } from "./primitives.ts";
import type { StateReader } from "./state.ts";

/** What a watcher is told, as JSON-RPC has it. */
export type Status = "future" | "ready" | "invalid" | "dropped" | { inBlock: string } | { finalized: string };

/** A refusal with the node's code, message and data. */
export class PoolError extends Error {
  override readonly name = "PoolError";
  readonly code: number;
  readonly data: string;

  constructor(code: number, message: string, data: string) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

const POOL_MAX = 4096;
/** How far ahead of its account's nonce an extrinsic may wait. */
const NONCE_GAP_MAX = 64;

type Entry = { extrinsic: Extrinsic; watchers: Set<(status: Status) => void> };

export class Pool {
  /** In order of arrival. */
  readonly #entries = new Map<Hash, Entry>();
  /** Which of them stands at an account's nonce. */
  readonly #slots = new Map<string, Hash>();

  /**
   * Takes an extrinsic in.
   *
   * @param watcher Told every status from now on, including the first.
   * @returns Stops the watching.
   * @throws {PoolError} If it is invalid, known, or the pool is full.
   */
  submit(state: StateReader, head: BlockId, extrinsic: Extrinsic, watcher?: (status: Status) => void): () => void {
    const { signer, nonce } = extrinsic.signed;
    if (this.#entries.has(extrinsic.hash)) throw new PoolError(1013, "Transaction Already Imported", `0x${extrinsic.hash}`);
    const invalidity = findInvalidity(state, head, extrinsic);
    if (invalidity) throw new PoolError(1010, "Invalid Transaction", invalidity);
    const expected = AccountInfo.get(state, signer).nonce;
    if (this.#slots.has(slotOf(signer, nonce))) throw new PoolError(1014, "Priority is too low: (0 vs 0)", "The transaction has too low priority to replace another transaction already in the pool.");
    if (this.#entries.size >= POOL_MAX || nonce > expected + NONCE_GAP_MAX) throw new PoolError(1016, "Immediately Dropped", "The transaction couldn't enter the pool because of the limit");
    const entry: Entry = { extrinsic, watchers: new Set(watcher ? [watcher] : []) };
    this.#entries.set(extrinsic.hash, entry);
    this.#slots.set(slotOf(signer, nonce), extrinsic.hash);
    tell(entry, nonce < this.nextNonce(state, signer) ? "ready" : "future");
    return () => {
      if (watcher) entry.watchers.delete(watcher);
    };
  }

  /** The nonce an account should use next, counting what waits here. */
  nextNonce(state: StateReader, account: Account): number {
    let nonce = AccountInfo.get(state, account).nonce;
    while (this.#slots.has(slotOf(account, nonce))) nonce++;
    return nonce;
  }

  /** What waits, in order of arrival. */
  pending(): Extrinsic[] {
    return [...this.#entries.values()].map(({ extrinsic }) => extrinsic);
  }

  /** Takes one out; its watchers are told `status`. */
  remove(hash: Hash, status?: Status): Entry["watchers"] {
    const entry = this.#entries.get(hash)!;
    this.#entries.delete(hash);
    this.#slots.delete(slotOf(entry.extrinsic.signed.signer, entry.extrinsic.signed.nonce));
    if (status !== undefined) tell(entry, status);
    return entry.watchers;
  }
}

const slotOf = (account: Account, nonce: number) => `${account}:${nonce}`;

function tell(entry: Entry, status: Status): void {
  for (const watcher of entry.watchers) watcher(status);
}
