/** The runtime's metadata, versions 14 and 15, written from the declarations. */
import { TypeRegistry } from "@polkadot/types";
import { concat, toHex, u8, utf8 } from "../../core/mod.ts";
import { APIS } from "./apis.ts";
import type { ChainSettings, Constant, Pallet, StorageItem } from "./declare.ts";
import { MultiAddress, MultiSignature } from "./primitives.ts";
import { callsOf, errorsOf, eventsOf, PALLETS, RuntimeCall, RuntimeError, RuntimeEvent } from "./runtime.ts";
import { type Codec, struct } from "./scale.ts";
import { SIGNED_EXTENSIONS, SignedExtra, UncheckedExtrinsic } from "./signed_extensions.ts";
import { TypeTable } from "./type_table.ts";
import { isDeclared } from "./version.ts";

/** `meta`, in front of every metadata. */
const MAGIC = utf8("meta");
const EXTRINSIC_VERSION = 4;

/** The SCALE metadata of a version, with its magic number; null for versions not offered. */
export function encodeMetadata(version: number, settings: ChainSettings): Uint8Array | null {
  if (version !== 14 && version !== 15) return null;
  const table = new TypeTable();
  const pallets = PALLETS.map((pallet) => palletEntry(table, pallet, settings, version));
  const signedExtensions = SIGNED_EXTENSIONS.map(([identifier, codec, additional]) => ({ identifier, type: table.idOf(codec), additionalSigned: table.idOf(additional) }));
  const ids = { address: table.idOf(MultiAddress), call: table.idOf(RuntimeCall), signature: table.idOf(MultiSignature), extra: table.idOf(SignedExtra) };
  const extrinsicType = table.idOf(UncheckedExtrinsic);
  const rest =
    version === 14
      ? { extrinsic: { type: extrinsicType, version: EXTRINSIC_VERSION, signedExtensions }, type: table.idOf(runtime) }
      : {
          extrinsic: { version: EXTRINSIC_VERSION, addressType: ids.address, callType: ids.call, signatureType: ids.signature, extraType: ids.extra, signedExtensions },
          type: table.idOf(runtime),
          apis: apiEntries(table),
          outerEnums: { callType: ids.call, eventType: table.idOf(RuntimeEvent), errorType: table.idOf(RuntimeError) },
          custom: { map: {} },
        };
  const registry = new TypeRegistry();
  const encoded = registry.createType(`MetadataV${version}`, { lookup: { types: table.portable().map((entry) => withoutNewer(entry, settings.specVersion)) }, pallets, ...rest });
  return concat(MAGIC, u8(version), encoded.toU8a());
}

const runtime = struct("node_subtensor_runtime::Runtime", []);

/** Bytes as @polkadot/types takes them; given a Uint8Array it would look for a length in front. */
const opaque = (bytes: Uint8Array) => `0x${toHex(bytes)}`;

function palletEntry(table: TypeTable, pallet: Pallet, settings: ChainSettings, version: number) {
  const typed = (codec: Codec<any> | null) => (codec ? { type: table.idOf(codec) } : null);
  return {
    name: pallet.name,
    index: pallet.index,
    storage: pallet.storage.length === 0 ? null : { prefix: pallet.name, items: pallet.storage.filter(({ name }) => isDeclared(name, settings.specVersion)).map((item) => storageEntry(table, item)) },
    calls: typed(callsOf(pallet)),
    events: typed(eventsOf(pallet)),
    errors: typed(errorsOf(pallet)),
    constants: Object.entries(pallet.constants).map(([name, { codec, value }]: [string, Constant]) => ({
      name,
      type: table.idOf(codec),
      value: opaque(codec.encode(typeof value === "function" ? value(settings) : value)),
      docs: [],
    })),
    ...(version === 15 ? { docs: [] } : {}),
  };
}

/** A type as a runtime of this version declares it: an older one has fewer calls. */
function withoutNewer<T extends { type: { path: string[]; def: Record<string, unknown> } }>(entry: T, specVersion: number): T {
  const { path, def } = entry.type;
  const { variants } = (def["Variant"] ?? {}) as { variants?: { name: string }[] };
  if (path.at(-1) !== "Call" || !variants) return entry;
  return { ...entry, type: { ...entry.type, def: { Variant: { variants: variants.filter(({ name }) => isDeclared(name, specVersion)) } } } };
}

function storageEntry(table: TypeTable, item: StorageItem) {
  const value = table.idOf(item.codec);
  const type =
    item.keys.length === 0
      ? { Plain: value }
      : { Map: { hashers: item.keys.map(({ hasher }: { hasher: string }) => hasher), key: table.idOf(item.keyCodec()), value } };
  return { name: item.name, modifier: item.fallback === null ? "Optional" : "Default", type, fallback: opaque(item.fallbackBytes()), docs: [] };
}

function apiEntries(table: TypeTable) {
  return Object.entries(APIS).map(([name, methods]) => ({
    name,
    methods: Object.entries(methods).map(([method, { inputs, output }]) => ({
      name: method,
      inputs: Object.entries(inputs).map(([input, codec]) => ({ name: input, type: table.idOf(codec) })),
      output: table.idOf(output),
      docs: [],
    })),
    docs: [],
  }));
}

