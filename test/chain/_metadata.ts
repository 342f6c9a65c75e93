/** Runtime metadata as something that encodes calls, without a connection. */
import { Metadata, TypeRegistry } from "@polkadot/types";
import { decorateExtrinsics } from "@polkadot/types/metadata/decorate";
import type { Encoder } from "../../lib/chain/encode.ts";

/** @param bytes Metadata, V14 or V15, with its magic. */
export function encoderOf(bytes: Uint8Array): { encoder: Encoder; registry: TypeRegistry; metadata: Metadata } {
  const registry = new TypeRegistry();
  const metadata = new Metadata(registry, `0x${Buffer.from(bytes).toString("hex")}`);
  registry.setMetadata(metadata, undefined, undefined, true);
  return { encoder: { tx: decorateExtrinsics(registry, metadata.asLatest, metadata.version) } as unknown as Encoder, registry, metadata };
}
