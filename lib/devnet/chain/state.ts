/**
 * The chain's state: storage keys to SCALE values, all in memory, with undo inside a block and a history of whole blocks.
 *
 * A failed extrinsic is undone to the mark taken before it. Values that were replaced stay readable at the blocks they
 * stood in, for `HISTORY_BLOCKS`, as on a node that prunes.
 */

/** How far back the state can be asked: the chain's own BlockHashCount. */
export const HISTORY_BLOCKS = 2400;

/** What reading needs: the state now, or at some block. Keys are lower-case hex without prefix. */
export interface StateReader {
  get(key: string): Uint8Array | undefined;
  /** Keys that begin with `prefix`, sorted. */
  keys(prefix: string): string[];
}

type Superseded = { value: Uint8Array | undefined; replacedAt: number };

export class State implements StateReader {
  readonly #values = new Map<string, Uint8Array>();
  readonly #history = new Map<string, Superseded[]>();
  /** Keys replaced in each block, oldest first, to forget them in time. */
  readonly #replaced: { block: number; keys: string[] }[] = [];
  #journal: { key: string; before: Uint8Array | undefined }[] = [];

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  keys(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  set(key: string, value: Uint8Array): void {
    this.#journal.push({ key, before: this.#values.get(key) });
    this.#values.set(key, value);
  }

  delete(key: string): void {
    if (!this.#values.has(key)) return;
    this.#journal.push({ key, before: this.#values.get(key) });
    this.#values.delete(key);
  }

  /** A place to come back to with `rollback`. */
  mark(): number {
    return this.#journal.length;
  }

  /** Undoes everything since the mark. */
  rollback(mark: number): void {
    for (let i = this.#journal.length - 1; i >= mark; i--) {
      const { key, before } = this.#journal[i]!;
      if (before === undefined) this.#values.delete(key);
      else this.#values.set(key, before);
    }
    this.#journal.length = mark;
  }

  /**
   * Ends block `block`: what was written since the last call becomes its state.
   *
   * @returns The keys written, sorted.
   */
  commit(block: number): string[] {
    const before = new Map<string, Uint8Array | undefined>();
    for (const entry of this.#journal) if (!before.has(entry.key)) before.set(entry.key, entry.before);
    this.#journal = [];
    const keys = [...before.keys()].sort();
    if (block > 0) {
      for (const key of keys) {
        const versions = this.#history.get(key) ?? [];
        versions.push({ value: before.get(key), replacedAt: block });
        this.#history.set(key, versions);
      }
      this.#replaced.push({ block, keys });
    }
    while (this.#replaced.length > 0 && this.#replaced[0]!.block <= block - HISTORY_BLOCKS) {
      for (const key of this.#replaced.shift()!.keys) {
        const versions = this.#history.get(key)!;
        versions.shift();
        if (versions.length === 0) this.#history.delete(key);
      }
    }
    return keys;
  }

  /** The state as it stood after `block`, which must not be older than `HISTORY_BLOCKS`. */
  at(block: number): StateReader {
    const get = (key: string) => {
      const version = this.#history.get(key)?.find(({ replacedAt }) => replacedAt > block);
      return version ? version.value : this.#values.get(key);
    };
    const keys = (prefix: string) =>
      [...new Set([...this.#values.keys(), ...this.#history.keys()])].filter((key) => key.startsWith(prefix) && get(key) !== undefined).sort();
    return { get, keys };
  }
}
