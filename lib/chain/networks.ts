/** Bittensor's networks by name, and which addresses a pair of flags means (facts 3.1 and 5.1). */
import { BtstoreError } from "../core/mod.ts";

/** Addresses behind `--subtensor.network`, tried in turn; all of a name serve the same chain. */
export const NETWORKS: Readonly<Record<string, readonly string[]>> = {
  finney: ["wss://entrypoint-finney.opentensor.ai:443", "wss://lite.chain.opentensor.ai:443"],
  test: ["wss://test.finney.opentensor.ai:443"],
  archive: ["wss://archive.chain.opentensor.ai:443"],
  local: ["ws://127.0.0.1:9944"],
};

/**
 * The addresses to connect to.
 *
 * @param network A name of {@link NETWORKS} or `ws://` or `wss://` addresses, separated by commas.
 * @param endpoint `--subtensor.chain_endpoint`: one address, or several with commas, tried in turn. Wins over the network.
 * @returns At least one address.
 * @throws {BtstoreError} `usage` if a name is unknown or an address is none.
 */
export function chainEndpoints(network: string, endpoint?: string): string[] {
  if (endpoint !== undefined) return parseAddresses(endpoint);
  const known = Object.hasOwn(NETWORKS, network) ? NETWORKS[network] : undefined;
  if (known !== undefined) return [...known];
  if (network.includes("://")) return parseAddresses(network);
  throw new BtstoreError("usage", `Cannot connect to the network ${JSON.stringify(network)}: it must be ${Object.keys(NETWORKS).join(", ")}, or a ws:// or wss:// address`);
}

function parseAddresses(text: string): string[] {
  return text.split(",").map((address) => parseAddress(address.trim()));
}

function parseAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "ws:" && url.protocol !== "wss:") || url.hostname === "") {
    throw new BtstoreError("usage", `Cannot connect to the chain at ${JSON.stringify(text)}: it must be a ws:// or wss:// address`);
  }
  return text;
}
