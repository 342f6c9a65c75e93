/**
 * How a pallet is declared: its storage items, calls, events, errors and constants, each with the codec of its real
 * types. The metadata is made from these objects and the runtime runs on them.
 */
import { blake2AsU8a, xxhashAsU8a } from "@polkadot/util-crypto";
import { concat, toHex } from "../../core/mod.ts";
import { type Codec, decodeAll, type Fields, type FieldValues, tuple } from "./scale.ts";
import type { State, StateReader } from "./state.ts";
import type { Account } from "./primitives.ts";

/** What the chain was started with and constants may depend on. */
export type ChainSettings = { blockMs: number; specVersion: number };

/** Who calls: a signed account, or root (through `Sudo`). */
export type Origin = { kind: "signed"; account: Account } | { kind: "root" };

/** What a call works on. */
export type Context = {
  state: State;
  blockNumber: number;
  /** Appends an event of a pallet. */
  emit(pallet: string, event: string, fields: unknown): void;
  /** Runs an inner call as its own undoable step; returns the error, or null. */
  dispatch(call: CallValue, origin: Origin): DispatchFailure | null;
};

/** A call as it is decoded: which pallet's, which call, with what. */
export type CallValue = { kind: string; value: readonly [{ kind: string; value: any }] };

/** A call failed as the real one would: an error of a pallet, or one of the runtime's own. */
export class DispatchFailure extends Error {
  override readonly name = "DispatchFailure";
  readonly pallet: string | null;
  readonly error: string;

  /** @param pallet The pallet whose error it is; null for `DispatchError`'s own kinds (`BadOrigin`, `FundsUnavailable`). */
  constructor(pallet: string | null, error: string) {
    super(pallet === null ? error : `${pallet}.${error}`);
    this.pallet = pallet;
    this.error = error;
  }
}

export type Hasher = "Identity" | "Twox64Concat" | "Blake2_128Concat";
export type HashedKey<T = any> = { hasher: Hasher; codec: Codec<T> };
export const identity = <T>(codec: Codec<T>): HashedKey<T> => ({ hasher: "Identity", codec });
export const twox64Concat = <T>(codec: Codec<T>): HashedKey<T> => ({ hasher: "Twox64Concat", codec });
export const blake2Concat = <T>(codec: Codec<T>): HashedKey<T> => ({ hasher: "Blake2_128Concat", codec });

type KeyValues<K extends readonly HashedKey[]> = { [I in keyof K]: K[I] extends HashedKey<infer T> ? T : never };

/** One storage item: a value, or a map from one to three keys. */
export class StorageItem<K extends readonly HashedKey[] = any, V = any, Absent = any> {
  readonly name: string;
  readonly keys: K;
  readonly codec: Codec<V>;
  readonly fallback: V | null;
  readonly #prefix: string;
  readonly #absent: Absent;

  constructor(palletName: string, name: string, keys: K, codec: Codec<V>, fallback: V | null, absent: Absent) {
    this.name = name;
    this.keys = keys;
    this.codec = codec;
    this.fallback = fallback;
    this.#absent = absent;
    this.#prefix = toHex(xxhashAsU8a(palletName, 128)) + toHex(xxhashAsU8a(name, 128));
  }

  /** The full storage key. */
  key(...values: KeyValues<K>): string {
    return this.#prefix + this.keys.map((key, i) => hashKey(key, (values as readonly unknown[])[i])).join("");
  }

  /** The value there; the item's default, or null for an optional one, where nothing is. */
  get(state: StateReader, ...values: KeyValues<K>): V | Absent {
    const bytes = state.get(this.key(...values));
    return bytes === undefined ? this.#absent : decodeAll(this.codec, bytes);
  }

  has(state: StateReader, ...values: KeyValues<K>): boolean {
    return state.get(this.key(...values)) !== undefined;
  }

  set(state: State, values: KeyValues<K>, value: V): void {
    state.set(this.key(...values), this.codec.encode(value));
  }

  remove(state: State, ...values: KeyValues<K>): void {
    state.delete(this.key(...values));
  }

  /** What the metadata gives as the value of an absent key. */
  fallbackBytes(): Uint8Array {
    return this.fallback === null ? new Uint8Array([0]) : this.codec.encode(this.fallback);
  }

  /** The map's key type: the key itself, or a tuple of several. */
  keyCodec(): Codec<any> {
    return this.keys.length === 1 ? this.keys[0]!.codec : tuple(...this.keys.map((key) => key.codec));
  }
}

function hashKey({ hasher, codec }: HashedKey, value: unknown): string {
  const bytes = codec.encode(value);
  if (hasher === "Identity") return toHex(bytes);
  const hash = hasher === "Twox64Concat" ? xxhashAsU8a(bytes, 64) : blake2AsU8a(bytes, 128);
  return toHex(concat(hash, bytes));
}

/** Makes the storage items of one pallet. */
export function storageOf(palletName: string) {
  return {
    /** An item that reads as `fallback` where nothing is stored (`ValueQuery`). */
    item: <const K extends readonly HashedKey[], V>(name: string, keys: K, codec: Codec<V>, fallback: V) =>
      new StorageItem<K, V, V>(palletName, name, keys, codec, fallback, fallback),
    /** An item that reads as null where nothing is stored (`OptionQuery`). */
    optional: <const K extends readonly HashedKey[], V>(name: string, keys: K, codec: Codec<V>) =>
      new StorageItem<K, V, null>(palletName, name, keys, codec, null, null),
  };
}

/** One call. */
export type Call = {
  index: number;
  args: Fields;
  /** Whether its signer pays a fee. */
  pays: boolean;
  /** Does it; throws DispatchFailure. */
  run(context: Context, origin: Origin, args: any): void;
  /** What the transaction pool checks beforehand: a custom error code of facts 3.12, or null. */
  precheck?(state: StateReader, blockNumber: number, signer: Account, args: any): number | null;
};

/** Declares a call with the types of its arguments. */
export function call<const F extends Fields>(
  index: number,
  args: F,
  run: (context: Context, origin: Origin, args: FieldValues<F>) => void,
  options: { pays?: boolean; precheck?: (state: StateReader, blockNumber: number, signer: Account, args: FieldValues<F>) => number | null } = {},
): Call {
  return { index, args, run, pays: options.pays ?? true, precheck: options.precheck };
}

export type Constant = { codec: Codec<any>; value: unknown | ((settings: ChainSettings) => unknown) };

/** One pallet, complete. */
export type Pallet = {
  name: string;
  /** The Rust crate whose types they are, as the metadata's paths begin. */
  crate: string;
  index: number;
  storage: readonly StorageItem[];
  calls: Readonly<Record<string, Call>>;
  events: Readonly<Record<string, { index: number; fields: Fields }>>;
  errors: Readonly<Record<string, number>>;
  constants: Readonly<Record<string, Constant>>;
};

/** The account that signed, or BadOrigin. */
export function signer(origin: Origin): Account {
  if (origin.kind !== "signed") throw new DispatchFailure(null, "BadOrigin");
  return origin.account;
}

/** Root, or BadOrigin. */
export function ensureRoot(origin: Origin): void {
  if (origin.kind !== "root") throw new DispatchFailure(null, "BadOrigin");
}
