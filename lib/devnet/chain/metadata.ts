/** The runtime's metadata, versions 14 and 15, written from the declarations. */
import { TypeRegistry } from "@polkadot/types";
import { concat, toHex, u8, utf8 } from "../../core/mod.ts";
import { APIS } from "./apis.ts";
import type { ChainSettings, Constant, Pallet, StorageItem } from "./declare.ts";
import { H256, MultiAddress, MultiSignature, UNIT } from "./primitives.ts";
import { callsOf, errorsOf, eventsOf, PALLETS, RuntimeCall, RuntimeError, RuntimeEvent } from "./runtime.ts";
import { Bytes, type Codec, compact, enumeration, fixedBytes, option, struct, tuple, U32, U64, U8 } from "./scale.ts";
import { TypeTable } from "./type_table.ts";

/** `meta`, in front of every metadata. */
const MAGIC = utf8("meta");
const EXTRINSIC_VERSION = 4;

const nothing = struct("", []);

/** A mortal era takes one byte more for each first byte but 0, and so has 256 variants. */
const Era: Codec<never> = enumeration(
  "sp_runtime::generic::era::Era",
  Object.fromEntries(Array.from({ length: 256 }, (_, index) => [index === 0 ? "Immortal" : `Mortal${index}`, { index, fields: index === 0 ? [] : [U8] }])),
) as Codec<never>;

const MetadataHash = struct("frame_metadata_hash_extension::CheckMetadataHash", {
  mode: enumeration("frame_metadata_hash_extension::Mode", { Disabled: { index: 0, fields: [] }, Enabled: { index: 1, fields: [] } }),
});

/** What every signed extrinsic carries and covers, in order (facts 3.2): name, bytes sent, bytes only signed. */
export const SIGNED_EXTENSIONS: readonly (readonly [name: string, extra: Codec<any>, additional: Codec<any>])[] = [
  ["CheckNonZeroSender", nothing, UNIT], ["CheckSpecVersion", nothing, U32], ["CheckTxVersion", nothing, U32], ["CheckGenesis", nothing, H256],
  ["CheckMortality", Era, H256], ["CheckNonce", compact(U32), UNIT], ["CheckWeight", nothing, UNIT], ["ChargeTransactionPayment", compact(U64), UNIT],
  ["SudoTransactionExtension", nothing, UNIT], ["CheckShieldedTxValidity", nothing, UNIT], ["SubtensorTransactionExtension", nothing, UNIT],
  ["DrandPriority", nothing, UNIT], ["CheckMetadataHash", MetadataHash, option(fixedBytes(32))],
];

/** The SCALE metadata of a version, with its magic number; null for versions not offered. */
export function encodeMetadata(version: number, settings: ChainSettings): Uint8Array | null {
  if (version !== 14 && version !== 15) return null;
  const table = new TypeTable();
  const pallets = PALLETS.map((pallet) => palletEntry(table, pallet, settings, version));
  const extra = tuple(...SIGNED_EXTENSIONS.map(([, codec]) => codec));
  const signedExtensions = SIGNED_EXTENSIONS.map(([identifier, codec, additional]) => ({ identifier, type: table.idOf(codec), additionalSigned: table.idOf(additional) }));
  const ids = { address: table.idOf(MultiAddress), call: table.idOf(RuntimeCall), signature: table.idOf(MultiSignature), extra: table.idOf(extra) };
  const extrinsicType = table.idOf(uncheckedExtrinsic(ids));
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
  const encoded = registry.createType(`MetadataV${version}`, { lookup: { types: table.portable() }, pallets, ...rest });
  return concat(MAGIC, u8(version), encoded.toU8a());
}

const runtime = struct("node_subtensor_runtime::Runtime", []);

function uncheckedExtrinsic(ids: { address: number; call: number; signature: number; extra: number }): Codec<Uint8Array> {
  return {
    ...Bytes,
    define: (table) => ({
      path: ["sp_runtime", "generic", "unchecked_extrinsic", "UncheckedExtrinsic"],
      params: [{ name: "Address", type: ids.address }, { name: "Call", type: ids.call }, { name: "Signature", type: ids.signature }, { name: "Extra", type: ids.extra }],
      def: { Composite: { fields: [{ name: null, type: table.idOf(Bytes), typeName: null, docs: [] }] } },
    }),
  };
}

/** Bytes as @polkadot/types takes them; given a Uint8Array it would look for a length in front. */
const opaque = (bytes: Uint8Array) => `0x${toHex(bytes)}`;

function palletEntry(table: TypeTable, pallet: Pallet, settings: ChainSettings, version: number) {
  const typed = (codec: Codec<any> | null) => (codec ? { type: table.idOf(codec) } : null);
  return {
    name: pallet.name,
    index: pallet.index,
    storage: pallet.storage.length === 0 ? null : { prefix: pallet.name, items: pallet.storage.map((item) => storageEntry(table, item)) },
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

