/**
 * What the files of this room share: the connected api, the newest head, and reading storage in one request.
 *
 * Everything is looked up in the runtime's own metadata by name. An item or a call that this runtime does not have is
 * null, so that one client serves runtimes from before and after it came.
 */
import type { ApiPromise } from "@polkadot/api";
import type { StorageEntry } from "@polkadot/types/primitive/types";
import { unwrapStorageType } from "@polkadot/types/util";
import type { Codec } from "@polkadot/types/types";
import { BtstoreError, fromHex, type Log, toHex } from "../core/mod.ts";
import { sendFault } from "./errors.ts";
import type { ChainSocket } from "./socket.ts";

/** One block: its number and its hash, 32 bytes. */
export type Head = { readonly number: number; readonly hash: Uint8Array };

/** One connection, ready. */
export type Link = {
  readonly api: ApiPromise;
  readonly socket: ChainSocket;
  readonly log: Log;
  /** Milliseconds per block. */
  readonly blockMs: number;
  /** The newest block seen. */
  head(): Head;
  /** Calls back with every new head, until the function returned is called. */
  onHead(listener: (head: Head) => void): () => void;
};

/** A storage value wanted: pallet and item in camel case, then the keys. */
export type Wanted = readonly [pallet: string, item: string, ...keys: unknown[]];

/** Values asked for in one request, a bound on what one answer can hold. */
const READ_KEYS_MAX = 1000;

/** The pallet everything here is about, in the api's spelling. */
export const SUBTENSOR = "subtensorModule";

/**
 * Reads storage values at one block.
 *
 * @param action What fails if it fails.
 * @param at Block hash; the newest head if missing.
 * @returns In the order of `wanted`; null where this runtime has no such item, or an optional value is not set.
 * @throws {BtstoreError} `chain` if the chain does not answer.
 */
export async function readStorage(link: Link, action: string, wanted: readonly Wanted[], at: Uint8Array = link.head().hash): Promise<(Codec | null)[]> {
  const entries = wanted.map(([pallet, item, ...keys]) => {
    const entry = link.api.query[pallet]?.[item];
    return entry ? { key: entry.key(...keys), creator: entry.creator } : null;
  });
  const keys = [...new Set(entries.flatMap((entry) => entry?.key ?? []))];
  const values = new Map<string, string>();
  try {
    for (let start = 0; start < keys.length; start += READ_KEYS_MAX) {
      const sets = await link.socket.send("state_queryStorageAt", [keys.slice(start, start + READ_KEYS_MAX), `0x${toHex(at)}`]);
      for (const [key, value] of sets[0]?.changes ?? []) if (typeof value === "string") values.set(key, value);
    }
    return entries.map((entry) => entry && decodeValue(link, entry.creator, values.get(entry.key)));
  } catch (error) {
    throw sendFault(action, error);
  }
}

function decodeValue(link: Link, creator: StorageEntry, hex: string | undefined): Codec | null {
  const { meta } = creator;
  if (hex === undefined && meta.modifier.isOptional) return null;
  const type = unwrapStorageType(link.api.registry, meta.type);
  return link.api.registry.createTypeUnsafe(type, [hex === undefined ? meta.fallback.toU8a(true) : fromHex(hex)]);
}

/** A whole number of the chain; null stays null. Throws RangeError if it is no safe integer. */
export function toNumber(codec: Codec | null): number | null {
  if (codec === null) return null;
  const number = Number(codec.toString());
  if (!Number.isSafeInteger(number)) throw new RangeError(`chain value: expected a safe integer, got ${number}`);
  return number;
}

/** An amount of the chain; null stays null. */
export function toBigint(codec: Codec | null): bigint | null {
  return codec === null ? null : BigInt(codec.toString());
}

/** A byte string of the chain, without its length; null is the empty one. */
export function toBytes(codec: Codec | null): Uint8Array {
  return codec === null ? new Uint8Array(0) : codec.toU8a(true);
}

/** A list of the chain; null is the empty list. */
export function toList(codec: Codec | null): Codec[] {
  return codec === null ? [] : [...(codec as unknown as Iterable<Codec>)];
}

/**
 * The uid of a hotkey right now. Looked up each time: a uid is a place, not an identity.
 *
 * @throws {BtstoreError} `not_registered` with the command that helps.
 */
export function requireUid(uid: Codec | null, action: string, netuid: number): number {
  const number = toNumber(uid);
  if (number === null) throw new BtstoreError("not_registered", `${action}: the hotkey is not registered on subnet ${netuid}; register it with "btstore register --netuid ${netuid}"`);
  return number;
}
