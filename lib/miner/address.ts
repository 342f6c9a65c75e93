/**
 * Where others reach us: the address that is announced on chain.
 *
 * Given by the operator, else asked of public echo services, as every Bittensor miner does. The chain refuses the loopback
 * and the broadcast address (SubtensorModule.serve_axon, InvalidIpAddress), and takes 0 for "not serving".
 */
import { isIP } from "node:net";
import { BtstoreError } from "../core/mod.ts";

/** Nobody, ourselves and everybody; the chain reads IPv4 in IPv6 as IPv4. */
const REFUSED = new Set([
  "0.0.0.0", "127.0.0.1", "255.255.255.255", "[::]", "[::1]", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]", "[::ffff:0:0]", "[::ffff:7f00:1]", "[::ffff:ffff:ffff]",
]);

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
  const family = isIP(text);
  if (family === 0 || text.includes("%")) throw new BtstoreError("usage", `Cannot announce "${text}": --axon.external_ip takes an IPv4 or IPv6 address`);
  // The URL parser writes any spelling of an address in one way.
  if (REFUSED.has(new URL(`http://${family === 6 ? `[${text}]` : text}`).hostname)) {
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
