/**
 * Where others reach us: the address that is announced on chain.
 *
 * Given by the operator, else asked of public echo services, as every Bittensor miner does. The chain refuses 127.0.0.1
 * and ::1 (SubtensorModule.serve_axon, InvalidIpAddress).
 */
import { isIP } from "node:net";
import { BtstoreError } from "../core/mod.ts";

/** Services that answer with nothing but the caller's address. */
const ECHO_SERVICES = ["https://checkip.amazonaws.com", "https://api.ipify.org", "https://ident.me"] as const;
/** The most bytes read of an answer, and how long one service may take. */
const ECHO_BYTES_MAX = 64;
const ECHO_MS_MAX = 3_000;

/**
 * Checks an address given by the operator.
 *
 * @throws {BtstoreError} `usage` if it is no IP address or one that the chain refuses.
 */
export function parseExternalAddress(text: string): string {
  if (isIP(text) === 0) throw new BtstoreError("usage", `Cannot announce "${text}": --axon.external_ip takes an IPv4 or IPv6 address`);
  if (text === "127.0.0.1" || text === "::1" || text === "255.255.255.255") {
    throw new BtstoreError("usage", `Cannot announce "${text}": the chain refuses it; give the address that validators reach with --axon.external_ip`);
  }
  return text;
}

/**
 * Finds our public address.
 *
 * @throws {BtstoreError} `network` if no service answers within three seconds each.
 */
export async function findExternalAddress(signal: AbortSignal): Promise<string> {
  for (const service of ECHO_SERVICES) {
    try {
      const response = await fetch(service, { redirect: "error", signal: AbortSignal.any([signal, AbortSignal.timeout(ECHO_MS_MAX)]) });
      const text = (await response.text()).slice(0, ECHO_BYTES_MAX).trim();
      if (response.ok && isIP(text) !== 0) return parseExternalAddress(text);
    } catch {
      signal.throwIfAborted();
      // The next service may answer.
    }
  }
  throw new BtstoreError("network", "Cannot find out our public address: no echo service answers; give it with --axon.external_ip");
}
