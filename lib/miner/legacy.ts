/**
 * What the axon answers Python callers of the old protocol: ping, allocation, and that it keeps no values for them.
 *
 * The prototype's `Store` and `Retrieve` wrote and read chunks of filler, unsigned. Values are stored as files here, so
 * `Store` is refused with a text that says so and `Retrieve` knows no key.
 */
import type { Ss58 } from "../core/mod.ts";
import type { ManifestEntry } from "../store/mod.ts";
import { type LegacyRoutes, Refusal } from "../wire/mod.ts";

/** What a caller learns of its partition: its entry in partition.json but for what concerns the operator alone. */
export type PublicAllocation = Omit<ManifestEntry, "path" | "updated_at">;

/** @param allocationOf The partition of a hotkey; null if there is none. */
export function legacyRoutes(allocationOf: (caller: Ss58) => PublicAllocation | null): LegacyRoutes {
  return {
    Synapse: async () => ({}),
    GetAllocation: async (caller) => ({ allocation: allocationOf(caller) ?? {} }),
    Retrieve: async () => ({ data: null }),
    Store: async () => new Refusal("NotServed"),
  };
}

/** An entry without what concerns the operator alone. */
export function publicAllocation({ path: _path, updated_at: _updatedAt, ...rest }: ManifestEntry): PublicAllocation {
  return rest;
}
