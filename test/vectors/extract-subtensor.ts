/**
 * Makes `subtensor-393.json`: `bun test/vectors/extract-subtensor.ts <metadata.scale>`.
 *
 * The argument is the SCALE metadata, version 15, of finney at spec 393, as `state_call("Metadata_metadata_at_version", 15)`
 * gives it without the enclosing option and length.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { runtimeFacts } from "./runtime-facts.ts";

/** The pallets of which the devnet chain declares a part, and the APIs of which it answers some methods. */
export const PALLETS = ["System", "Timestamp", "Aura", "Balances", "TransactionPayment", "SubtensorModule", "Utility", "Sudo", "AdminUtils", "Drand"];
export const APIS = ["Core", "Metadata", "AccountNonceApi", "AuraApi", "TransactionPaymentApi", "NeuronInfoRuntimeApi", "SubnetInfoRuntimeApi", "SubnetRegistrationRuntimeApi"];

/** The recorded facts of a metadata file's bytes. */
export function subtensorFacts(bytes: Uint8Array) {
  const facts = runtimeFacts(bytes, PALLETS);
  return { ...facts, apis: Object.fromEntries(APIS.filter((name) => name in facts.apis).map((name) => [name, facts.apis[name]!])) };
}

if (import.meta.main) {
  const [path] = process.argv.slice(2);
  if (!path) throw new Error("Name the metadata file");
  const source = "finney at spec 393, SCALE metadata version 15; made by test/vectors/extract-subtensor.ts";
  writeFileSync(new URL("./subtensor-393.json", import.meta.url), `${entryPerLine({ source, ...subtensorFacts(readFileSync(path)) }, 4)}\n`);
}

/** JSON with objects broken into lines down to `depth`, and what is below on one line. */
function entryPerLine(value: unknown, depth: number, indent = ""): string {
  if (depth === 0 || typeof value !== "object" || value === null || Array.isArray(value)) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, inner]) => `${indent} ${JSON.stringify(key)}: ${entryPerLine(inner, depth - 1, `${indent} `)}`);
  return entries.length === 0 ? "{}" : `{\n${entries.join(",\n")}\n${indent}}`;
}
