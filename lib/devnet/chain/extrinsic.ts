/**
 * Extrinsics, version 4: how they are laid out, what exactly is signed, and which block a mortal one was born in
 * (facts 3.2; Substrate `generic/era.rs`).
 */
import { blake2AsU8a, ed25519Verify, sr25519Verify } from "@polkadot/util-crypto";
import { concat, fromHex, u32le, u8 } from "../../core/mod.ts";
import type { CallValue } from "./declare.ts";
import { type Account, type Hash, hashHex, MultiAddress, MultiSignature } from "./primitives.ts";
import { RuntimeCall } from "./runtime.ts";
import { Bytes, compact, DecodeError, decodeAll, Input, U32, U64, U8, type Value } from "./scale.ts";
import { runtimeVersion } from "./version.ts";

const VERSION = 4;
const SIGNED = 0x80;
/** Payloads longer than this are hashed before they are signed. */
const PAYLOAD_MAX = 256;

/** null is immortal. */
export type Era = { period: number; phase: number } | null;

export type Extrinsic = {
  /** As received, with the length in front. */
  bytes: Uint8Array;
  /** blake2-256 of `bytes`. */
  hash: Hash;
  call: CallValue;
  signed: Signed;
};

type Signed = { signer: Account; signature: Value<typeof MultiSignature>; era: Era; nonce: number; tip: bigint; extra: Uint8Array; callBytes: Uint8Array };

/**
 * Decodes a signed extrinsic.
 *
 * @throws {DecodeError} If it is malformed, of another version, or unsigned (only block authors make those).
 */
export function decodeExtrinsic(bytes: Uint8Array): Extrinsic {
  const body = decodeAll(Bytes, bytes);
  const input = new Input(body);
  if (U8.decode(input) !== (SIGNED | VERSION)) throw new DecodeError("Expected a signed extrinsic of version 4");
  const address = MultiAddress.decode(input);
  if (address.kind !== "Id") throw new DecodeError(`Expected an address of kind Id, got ${address.kind}`);
  const signature = MultiSignature.decode(input);
  const extraStart = input.offset;
  const era = decodeEra(input);
  const nonce = compact(U32).decode(input);
  const tip = compact(U64).decode(input);
  const mode = U8.decode(input);
  if (mode !== 0) throw new DecodeError("Expected the metadata hash mode to be off");
  const callStart = input.offset;
  const call = decodeAll(RuntimeCall, body.subarray(callStart));
  const extra = body.subarray(extraStart, callStart);
  return { bytes, hash: hashHex(blake2AsU8a(bytes, 256)), call, signed: { signer: address.value[0], signature, era, nonce, tip, extra, callBytes: body.subarray(callStart) } };
}

/** An unsigned extrinsic, as the block author puts inherents. */
export function encodeInherent(call: CallValue): Uint8Array {
  return Bytes.encode(concat(u8(VERSION), RuntimeCall.encode(call)));
}

/**
 * Whether the signature is the signer's over exactly this call on this chain, at this runtime version.
 *
 * @param specVersion The runtime's.
 * @param genesis The chain's genesis hash.
 * @param birth Hash of the era's first block; the genesis hash if immortal.
 */
export function isSignatureValid({ signed }: Extrinsic, specVersion: number, genesis: Hash, birth: Hash): boolean {
  const payload = concat(
    signed.callBytes, signed.extra,
    u32le(specVersion), u32le(runtimeVersion(specVersion).transaction_version), fromHex(genesis), fromHex(birth), u8(0),
  );
  const message = payload.length > PAYLOAD_MAX ? blake2AsU8a(payload, 256) : payload;
  const publicKey = fromHex(signed.signer);
  const { kind, value: [signature] } = signed.signature;
  try {
    if (kind === "Sr25519") return sr25519Verify(message, signature, publicKey);
    return kind === "Ed25519" && ed25519Verify(message, signature, publicKey);
  } catch {
    // The libraries throw where the key is no point of the curve.
    return false;
  }
}

function decodeEra(input: Input): Era {
  const first = U8.decode(input);
  if (first === 0) return null;
  const encoded = first | (U8.decode(input) << 8);
  const period = 2 << (encoded % 16);
  const phase = (encoded >> 4) * quantizeFactor(period);
  if (period < 4 || phase >= period) throw new DecodeError("Expected an era's phase inside its period");
  return { period, phase };
}

const quantizeFactor = (period: number) => Math.max(period >> 12, 1);

/** The block a mortal era began at, seen from block `current`. */
export function eraBirth({ period, phase }: NonNullable<Era>, current: number): number {
  return Math.floor((Math.max(current, phase) - phase) / period) * period + phase;
}
