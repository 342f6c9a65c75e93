/**
 * The facts of a runtime that an interface depends on, as plain JSON: of each pallet its index, calls, storage items,
 * events, errors and constants; of the runtime its APIs and signed extensions. Types are written as shapes: newtypes
 * vanish as they do on the wire, structures and enumerations are spelled out, so that two runtimes whose shapes are
 * equal encode alike.
 */
import { Metadata, TypeRegistry } from "@polkadot/types";
import type { PortableRegistry } from "@polkadot/types/metadata";
import type { SiLookupTypeId, SiVariant } from "@polkadot/types/interfaces";

export type StorageFact = { modifier: string; hashers: string[]; key: string | null; value: string; fallback: string };
export type CallFact = { index: number; args: [name: string, shape: string][] };
export type PalletFacts = {
  index: number;
  prefix: string | null;
  calls: Record<string, CallFact>;
  storage: Record<string, StorageFact>;
  events: Record<string, CallFact>;
  errors: Record<string, number>;
  constants: Record<string, { shape: string; value: string }>;
};
export type RuntimeFacts = {
  types: Record<string, string>;
  pallets: Record<string, PalletFacts>;
  apis: Record<string, Record<string, { args: [name: string, shape: string][]; output: string }>>;
  extrinsic: { version: number; extensions: [name: string, extra: string, additional: string][] };
};

/** Types whose name says enough, or whose shape would be the whole runtime's. */
const NAMED = new Set(["AccountId32", "H256", "Era", "RuntimeCall", "RuntimeEvent", "RuntimeError", "OriginCaller", "Header", "Digest", "UncheckedExtrinsic"]);
/** Named too, because they stand in many places; their own shape is given once, under `types`. */
const NAMED_WITH_SHAPE = new Set(["DispatchError", "MultiAddress"]);

/**
 * Reads the facts of a runtime from its metadata.
 *
 * @param bytes SCALE metadata, version 15, with its magic number.
 * @param palletNames The pallets to read; those the runtime lacks are left out.
 */
export function runtimeFacts(bytes: Uint8Array, palletNames: readonly string[]): RuntimeFacts {
  const registry = new TypeRegistry();
  const metadata = new Metadata(registry, bytes);
  // Unknown signed extensions are only warned about, and their types are read below.
  registry.setMetadata(metadata, undefined, undefined, true);
  const { lookup } = registry;
  const { pallets, apis, extrinsic } = metadata.asV15;
  const types: RuntimeFacts["types"] = {};
  const shape = (id: SiLookupTypeId) => shapeOf(lookup, id, types);

  const facts: RuntimeFacts = { types, pallets: {}, apis: {}, extrinsic: { version: extrinsic.version.toNumber(), extensions: [] } };
  for (const pallet of pallets) {
    const name = pallet.name.toString();
    if (!palletNames.includes(name)) continue;
    const storage: PalletFacts["storage"] = {};
    for (const item of pallet.storage.unwrapOrDefault().items) {
      const modifier = item.modifier.toString();
      storage[item.name.toString()] = item.type.isPlain
        ? { modifier, hashers: [], key: null, value: shape(item.type.asPlain), fallback: item.fallback.toHex() }
        : {
            modifier,
            hashers: item.type.asMap.hashers.map(String),
            key: shape(item.type.asMap.key),
            value: shape(item.type.asMap.value),
            fallback: item.fallback.toHex(),
          };
    }
    const variants = (part: "calls" | "events" | "errors") => (pallet[part].isSome ? lookup.getSiType(pallet[part].unwrap().type).def.asVariant.variants : []);
    const described = (part: "calls" | "events") =>
      Object.fromEntries([...variants(part)].map((variant) => [variant.name.toString(), { index: variant.index.toNumber(), args: variantArgs(variant, shape) }]));
    facts.pallets[name] = {
      index: pallet.index.toNumber(),
      prefix: pallet.storage.isSome ? pallet.storage.unwrap().prefix.toString() : null,
      calls: described("calls"),
      storage,
      events: described("events"),
      errors: Object.fromEntries([...variants("errors")].map((variant) => [variant.name.toString(), variant.index.toNumber()])),
      constants: Object.fromEntries(pallet.constants.map((item) => [item.name.toString(), { shape: shape(item.type), value: item.value.toHex() }])),
    };
  }
  for (const api of apis) {
    facts.apis[api.name.toString()] = Object.fromEntries(
      api.methods.map((method) => [
        method.name.toString(),
        { args: method.inputs.map((input) => [input.name.toString(), shape(input.type)] as [string, string]), output: shape(method.output) },
      ]),
    );
  }
  facts.extrinsic.extensions = extrinsic.signedExtensions.map((item) => [item.identifier.toString(), shape(item.type), shape(item.additionalSigned)]);
  return facts;
}

function variantArgs(variant: SiVariant, shape: (id: SiLookupTypeId) => string): [string, string][] {
  return variant.fields.map((field) => [field.name.isSome ? field.name.unwrap().toString() : "", shape(field.type)]);
}

/** A type's shape; the shapes of those that are named instead are entered into `types`. */
function shapeOf(lookup: PortableRegistry, id: SiLookupTypeId, types: Record<string, string>): string {
  const { path } = lookup.getSiType(id);
  const name = path.length > 0 ? path[path.length - 1]!.toString() : "";
  if (NAMED.has(name)) return name;
  const spelled = () => spelledShape(lookup, id, name, (type) => shapeOf(lookup, type, types));
  if (!NAMED_WITH_SHAPE.has(name)) return spelled();
  types[name] ??= spelled();
  return name;
}

function spelledShape(lookup: PortableRegistry, id: SiLookupTypeId, name: string, inner: (type: SiLookupTypeId) => string): string {
  const { def, params } = lookup.getSiType(id);
  if (def.isPrimitive) return def.asPrimitive.type.toLowerCase();
  if (def.isCompact) return `Compact<${inner(def.asCompact.type)}>`;
  if (def.isSequence) return `Vec<${inner(def.asSequence.type)}>`;
  if (def.isArray) return `[${inner(def.asArray.type)}; ${def.asArray.len.toNumber()}]`;
  if (def.isTuple) return `(${def.asTuple.map(inner).join(", ")})`;
  if (def.isBitSequence) return "BitVec";
  if (def.isComposite) {
    const { fields } = def.asComposite;
    if (fields.length === 1 && fields[0]!.name.isNone) return inner(fields[0]!.type);
    if (fields.every((field) => field.name.isNone)) return `(${fields.map((field) => inner(field.type)).join(", ")})`;
    return `{${fields.map((field) => `${field.name.unwrap()}: ${inner(field.type)}`).join(", ")}}`;
  }
  if (def.isVariant) {
    if (name === "Option") return `Option<${inner(params[0]!.type.unwrap())}>`;
    const variants = def.asVariant.variants.map((variant) => {
      const fields = variant.fields.map((field) => (field.name.isSome ? `${field.name.unwrap()}: ` : "") + inner(field.type));
      return `${variant.index.toNumber()} ${variant.name}${fields.length > 0 ? `(${fields.join(", ")})` : ""}`;
    });
    return `${name}<${variants.join(" | ")}>`;
  }
  return "?";
}
