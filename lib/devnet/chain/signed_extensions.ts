/** What every signed extrinsic carries besides its call, and the extrinsic's own type, as the metadata describe them. */
import { H256, MultiAddress, MultiSignature, UNIT } from "./primitives.ts";
import { RuntimeCall } from "./runtime.ts";
import { Bytes, type Codec, compact, enumeration, fieldEntries, fixedBytes, option, struct, tuple, U32, U64, U8 } from "./scale.ts";

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

export const SignedExtra = tuple(...SIGNED_EXTENSIONS.map(([, codec]) => codec));

/** A whole extrinsic, with its length in front; opaque here, decoded by `extrinsic.ts`. */
export const UncheckedExtrinsic: Codec<Uint8Array> = {
  encode: (value) => value,
  decode: (input) => Bytes.encode(Bytes.decode(input)),
  define: (table) => ({
    path: ["sp_runtime", "generic", "unchecked_extrinsic", "UncheckedExtrinsic"],
    params: [["Address", MultiAddress], ["Call", RuntimeCall], ["Signature", MultiSignature], ["Extra", SignedExtra]].map(([name, codec]) => ({
      name: name as string,
      type: table.idOf(codec as Codec<unknown>),
    })),
    def: { Composite: { fields: fieldEntries(table, [Bytes]) } },
  }),
};
