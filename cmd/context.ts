/** What the role commands build from their flags in the same way: where the wallet is, the folder, the chain's addresses. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { BtstoreError } from "../lib/core/mod.ts";
import type { FlagsOf } from "./flags.ts";
import { ORIGINS, type Origin } from "./parse.ts";

type RoleFlags = FlagsOf<"mine" | "validate" | "alloc">;
type ChainFlag = "subtensor.chain_endpoint" | "subtensor.network";

/** Addresses of the networks Bittensor names (SDK `core/settings.py`). */
export const NETWORKS: Readonly<Record<string, string>> = {
  finney: "wss://entrypoint-finney.opentensor.ai:443",
  test: "wss://test.finney.opentensor.ai:443",
  archive: "wss://archive.chain.opentensor.ai:443",
  local: "ws://127.0.0.1:9944",
};

/** A path with `~` at its start as the home folder, made absolute. */
export function expandHome(path: string): string {
  return resolve(path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path);
}

/** The wallet that `--wallet.*` name, as `lib/wallet` takes it. */
export function walletLocation(flags: Pick<RoleFlags, "wallet.name" | "wallet.hotkey" | "wallet.path">): { path: string; name: string; hotkey: string } {
  return { path: expandHome(flags["wallet.path"]), name: flags["wallet.name"], hotkey: flags["wallet.hotkey"] };
}

/** The folders of this wallet's partitions, one for each `--db_path`: `<db_path>/<wallet_name>/<wallet_hotkey>`. */
export function partitionFolders(flags: Pick<RoleFlags, "db_path" | "wallet.name" | "wallet.hotkey">): string[] {
  return flags.db_path.map((root) => join(expandHome(root), flags["wallet.name"], flags["wallet.hotkey"]));
}

/**
 * Addresses of the chain node to use. `--subtensor.chain_endpoint` wins over `--subtensor.network`, unless the network
 * was said more strongly: a typed network beats an endpoint from the environment or the file.
 *
 * @throws {BtstoreError} "usage" if a network is unknown or an address is no ws(s) URL.
 */
export function chainEndpoints({ flags, origins }: { flags: Pick<RoleFlags, ChainFlag>; origins: Readonly<Record<ChainFlag, Origin>> }): string[] {
  const endpoint = flags["subtensor.chain_endpoint"];
  const network = flags["subtensor.network"];
  const strength = (name: ChainFlag) => ORIGINS.indexOf(origins[name]);
  if (endpoint !== null && strength("subtensor.chain_endpoint") >= strength("subtensor.network")) return [nodeAddress(endpoint, "subtensor.chain_endpoint")];
  return [Object.hasOwn(NETWORKS, network) ? NETWORKS[network]! : nodeAddress(network, "subtensor.network")];
}

function nodeAddress(text: string, flag: string): string {
  if (URL.canParse(text) && /^wss?:$/.test(new URL(text).protocol)) return text;
  const networks = flag === "subtensor.network" ? `${Object.keys(NETWORKS).join(", ")} or ` : "";
  throw new BtstoreError("usage", `Cannot read "--${flag}": "${text}" is not ${networks}a ws:// or wss:// address`);
}
