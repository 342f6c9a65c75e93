/**
 * The axon and dendrite protocol of Bittensor's SDK 7.2 to 10: its messages, headers and signatures, for both ends.
 *
 * Must agree to the byte with `bittensor/core/{synapse,axon,dendrite}.py`. A request is `POST /<Name>` with JSON; headers
 * carry who sends it and the signature, over `{nonce}.{sender}.{receiver}.{uuid}.{body hash}`. What that leaves open is
 * closed here: an empty signature is none; a nonce has a lower and an upper bound whatever version or time-out is
 * claimed, both being unsigned; the body hash covers every field that means anything; and nothing but what the
 * signature covers reaches a handler. Answers are signed too, as those of the native protocol.
 *
 * SDK 6 and 7.0 draw nonces from the time since the machine started: nobody else can tell whether those are fresh. They
 * are refused, with a text that says who must upgrade.
 */
import { fromHex, SIGNATURE_BYTES, utf8 } from "../core/mod.ts";
import type { Ss58 } from "../core/mod.ts";
import { MAX_AGE_MS } from "./btauth.ts";
import type { HeaderReader } from "./btauth.ts";

/** Messages of the old protocol that an axon knows. `Synapse` is its ping. Each has its row in the table of `limits.ts`. */
export const LEGACY_NAMES = ["Synapse", "GetAllocation", "Retrieve", "Store"] as const;

export type LegacyName = (typeof LEGACY_NAMES)[number];

/** A message's own fields. */
type Shape = {
  /** May be without a default in the Python class, which then needs to see a dummy of its type in a header. */
  readonly required: Readonly<Record<string, "str" | "dict">>;
  /** `required_hash_fields` of the Python class, in order. Texts, all of them: `str()` of anything else is ambiguous. */
  readonly hashed: readonly string[];
};

const SHAPES: Readonly<Record<LegacyName, Shape>> = {
  Synapse: { required: {}, hashed: [] },
  GetAllocation: { required: { allocation: "dict" }, hashed: [] },
  Retrieve: { required: { key: "str" }, hashed: ["key"] },
  Store: { required: { key: "str", data: "str" }, hashed: ["key", "data"] },
};

/** The signed fields of a request, by name: every one its message has. */
export type LegacyFields = Readonly<Record<string, string>>;

/** A request's authentication headers, parsed. Nothing of it is proven before its signature is checked. */
export type LegacyAuth = {
  readonly sender: Ss58;
  /** Null if it is not said; the signature binds it in any case. */
  readonly receiver: Ss58 | null;
  /** Wall-clock nanoseconds. */
  readonly nonce: bigint;
  readonly uuid: string;
  /** SHA3-256 of the message's hashed fields as the sender claims it, lower-case hex. */
  readonly bodyHash: string;
  readonly signature: Uint8Array;
  /** What the sender waits, as it says, in seconds; 0 if it does not. */
  readonly timeoutSeconds: number;
  /** How old the nonce may be, in milliseconds: the old rule's four seconds and the time-out, at most `MAX_AGE_MS`. */
  readonly maxAgeMs: number;
  /** SDK version as a number, null if it is not said. Unsigned: chooses a text, never a rule. */
  readonly version: number | null;
};

/** 7.2.0, the first SDK whose nonces tell the time. */
export const VERSION_WITH_TIME = 7_002_000;

const GRACE_MS = 4_000;
const ADDRESS = /^5[1-9A-HJ-NP-Za-km-z]{47}$/;
const NONCE = /^[1-9][0-9]{0,19}$/;
const UUID = /^[0-9A-Za-z-]{1,64}$/;
const BODY_HASH = /^[0-9a-f]{64}$/;
const SIGNATURE = new RegExp(`^0x[0-9a-fA-F]{${2 * SIGNATURE_BYTES}}$`);
const VERSION = /^[0-9]{1,10}$/;
const TIMEOUT = /^[0-9]{1,9}(\.[0-9]{1,20})?$/;

/** Base64 of the JSON of an empty value: what a Python class needs to see of a required field in the headers. */
const DUMMIES = { str: "IiI=", dict: "e30=" } as const;

const nameByTarget: ReadonlyMap<string, LegacyName> = new Map(LEGACY_NAMES.map((name) => [`/${name}`, name]));

/** The message a request target names; null for every other text. */
export function legacyAt(target: string): LegacyName | null {
  return nameByTarget.get(target) ?? null;
}

/**
 * Checks the shape of the authentication headers. Costs no cryptography.
 *
 * @returns Null (`MalformedAuth`) if one is missing, doubled or ill-formed. An empty signature is ill-formed.
 */
export function readLegacyAuth(header: HeaderReader): LegacyAuth | null {
  const sender = header("bt_header_dendrite_hotkey") ?? "";
  const receiver = header("bt_header_axon_hotkey");
  const nonce = header("bt_header_dendrite_nonce") ?? "";
  const uuid = header("bt_header_dendrite_uuid") ?? "";
  const bodyHash = header("computed_body_hash") ?? "";
  const signature = header("bt_header_dendrite_signature") ?? "";
  const version = header("bt_header_dendrite_version") ?? "";
  const timeout = header("timeout") ?? "";
  if (!ADDRESS.test(sender) || (receiver !== null && !ADDRESS.test(receiver)) || !NONCE.test(nonce)) return null;
  if (!UUID.test(uuid) || !BODY_HASH.test(bodyHash) || !SIGNATURE.test(signature)) return null;
  const timeoutSeconds = TIMEOUT.test(timeout) ? Number(timeout) : 0;
  return {
    sender: sender as Ss58,
    receiver: receiver as Ss58 | null,
    nonce: BigInt(nonce),
    uuid,
    bodyHash,
    signature: fromHex(signature),
    timeoutSeconds,
    maxAgeMs: Math.min(MAX_AGE_MS, GRACE_MS + 1000 * timeoutSeconds),
    version: VERSION.test(version) ? Number(version) : null,
  };
}

/** The bytes a request's signature covers. None of the parts has a dot in it. */
export function legacyPayload(auth: Pick<LegacyAuth, "sender" | "nonce" | "uuid" | "bodyHash">, receiver: Ss58): Uint8Array {
  return utf8(`${auth.nonce}.${auth.sender}.${receiver}.${auth.uuid}.${auth.bodyHash}`);
}

/**
 * Reads the hashed fields of a body.
 *
 * @returns Null if it is no JSON object, or a field is missing or no well-formed text.
 */
export function readLegacyFields(name: LegacyName, body: Uint8Array): LegacyFields | null {
  const parsed = parseJsonObject(body);
  if (parsed === null) return null;
  const fields: Record<string, string> = {};
  for (const field of SHAPES[name].hashed) {
    const value = Object.hasOwn(parsed, field) ? parsed[field] : undefined;
    if (typeof value !== "string" || !value.isWellFormed()) return null;
    fields[field] = value;
  }
  return fields;
}

/**
 * The body hash of a message: SHA3-256 over the hex SHA3-256 of each hashed field in order.
 *
 * @throws {TypeError} If one of these is no text.
 */
export function legacyBodyHash(name: LegacyName, fields: Readonly<Record<string, unknown>>): string {
  const hashes = SHAPES[name].hashed.map((field) => {
    const value = fields[field];
    if (typeof value !== "string") throw new TypeError(`${name}.${field}: expected a text, got ${typeof value}`);
    return sha3(value);
  });
  return sha3(hashes.join(""));
}

/** One end of a message, as it stands in headers and body; whatever is left out is not known. */
export type Terminal = {
  readonly status_code?: number;
  readonly status_message?: string;
  readonly ip?: string;
  readonly port?: number;
  readonly version?: number;
  readonly nonce?: bigint;
  readonly uuid?: string;
  readonly hotkey?: string;
  readonly signature?: string;
};

export type LegacyMessage = {
  readonly name: LegacyName;
  readonly timeoutSeconds: number;
  readonly dendrite: Terminal;
  readonly axon: Terminal;
  /** Its own fields. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly bodyHash: string;
};

/** Headers of a message, all in lower case: Python searches for them so. The sizes mean nothing and are zeros. */
export function legacyHeaders({ name, timeoutSeconds, dendrite, axon, bodyHash }: LegacyMessage): Record<string, string> {
  const headers: Record<string, string> = { "content-type": "application/json", name, timeout: String(timeoutSeconds) };
  for (const [end, terminal] of [["axon", axon], ["dendrite", dendrite]] as const) {
    for (const [field, value] of Object.entries(terminal)) headers[`bt_header_${end}_${field}`] = String(value);
  }
  for (const [field, kind] of Object.entries(SHAPES[name].required)) headers[`bt_header_input_obj_${field}`] = DUMMIES[kind];
  return { ...headers, header_size: "0", total_size: "0", computed_body_hash: bodyHash };
}

/** Body of a message as Python dumps it. */
export function legacyBody({ name, timeoutSeconds, dendrite, axon, fields }: LegacyMessage): Uint8Array {
  const rest = JSON.stringify({ name, timeout: timeoutSeconds, total_size: 0, header_size: 0, computed_body_hash: "", ...fields });
  return utf8(`{"dendrite":${terminalJson(dendrite)},"axon":${terminalJson(axon)},${rest.slice(1)}`);
}

/** A terminal as JSON. Its nonce is a whole number there, beyond what JSON.stringify can write. */
function terminalJson({ nonce, ...rest }: Terminal): string {
  const text = JSON.stringify(rest);
  if (nonce === undefined) return text;
  return text === "{}" ? `{"nonce":${nonce}}` : `{"nonce":${nonce},${text.slice(1)}`;
}

/** A JSON object from bytes; null for everything else. */
export function parseJsonObject(body: Uint8Array): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? (parsed as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function sha3(text: string): string {
  return new Bun.CryptoHasher("sha3-256").update(text).digest("hex");
}
