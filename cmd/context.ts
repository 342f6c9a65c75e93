/** What role commands build from their flags in the same way: the wallet and its hotkey, the folders, the chain. */
import type { Chain } from "../lib/chain/mod.ts";
import { BtstoreError } from "../lib/core/mod.ts";
import { type Hotkey, loadHotkey, type Unlock, type WalletLocation } from "../lib/wallet/mod.ts";
import type { Run } from "./command.ts";
import type { CommandName, FlagsOf } from "./flags.ts";
import { ORIGINS, type Origin } from "./parse.ts";
import { expandHome } from "./paths.ts";
import { canAsk, readSecret } from "./prompt.ts";
import { spin } from "./spinner.ts";

type RoleFlags = FlagsOf<"mine" | "validate" | "alloc">;
type WalletFlags = Pick<RoleFlags, "wallet.name" | "wallet.hotkey" | "wallet.path">;
type PasswordFlag = "wallet.password_file";
type PasswordFlags = { readonly flags: Pick<RoleFlags, PasswordFlag>; readonly origins: Readonly<Record<PasswordFlag, Origin>> };
type ChainFlag = "subtensor.chain_endpoint" | "subtensor.network";
type ChainFlags = { readonly flags: Pick<RoleFlags, ChainFlag>; readonly origins: Readonly<Record<ChainFlag, Origin>> };
type Tools = Pick<Run<CommandName>, "signal" | "screen" | "log">;

/** After this long a connection that is not there yet is told, in milliseconds. */
const CONNECTING_NOTICE_MS = 2_000;

/** The wallet that `--wallet.*` name. */
export function walletLocation(flags: WalletFlags): WalletLocation {
  return { path: expandHome(flags["wallet.path"]), name: flags["wallet.name"], hotkey: flags["wallet.hotkey"] };
}

/** How encrypted keys are opened: with the password of a file or the environment, else by asking where somebody can be asked. */
export function unlockFor({ flags, origins, screen, signal }: Tools & PasswordFlags): Unlock {
  const path = flags["wallet.password_file"];
  return {
    environment: process.env,
    ...(path === null ? {} : { passwordFile: { path: expandHome(path), isFirst: origins["wallet.password_file"] === "flag" } }),
    ...(canAsk() ? { askPassword: (what: string) => readSecret(screen, `Password for the ${what}`, "BT_WALLET_PASSWORD", signal) } : {}),
    showWaiting: (what, work) => spin(screen, what, work, signal),
  };
}

/** Opens the hotkey that `--wallet.*` name. Throws BtstoreError "wallet". */
export function openHotkey(run: Tools & PasswordFlags & { readonly flags: WalletFlags }): Promise<Hotkey> {
  return loadHotkey(walletLocation(run.flags), unlockFor(run));
}

/**
 * Where the partitions are, as `lib/store` takes it.
 *
 * @throws {BtstoreError} "usage" if more than one `--db_path` is given: several disks under one hotkey are not served yet.
 */
export function onlyLocation(flags: Pick<RoleFlags, "db_path"> & WalletFlags): { dbPath: string; walletName: string; hotkeyName: string } {
  const [dbPath, ...others] = flags.db_path;
  if (dbPath === undefined || others.length > 0) {
    throw new BtstoreError("usage", `Cannot use ${flags.db_path.length} folders: this version serves one --db_path per hotkey; join the disks, or run one hotkey for each`);
  }
  return { dbPath: expandHome(dbPath), walletName: flags["wallet.name"], hotkeyName: flags["wallet.hotkey"] };
}

/**
 * Which of the two chain flags counts. The endpoint wins, unless the network was said more strongly: a typed network beats
 * an endpoint from the environment or the file.
 */
export function chainChoice({ flags, origins }: ChainFlags): { network: string; endpoint: string | undefined } {
  const endpoint = flags["subtensor.chain_endpoint"];
  const isWeaker = ORIGINS.indexOf(origins["subtensor.chain_endpoint"]) < ORIGINS.indexOf(origins["subtensor.network"]);
  return { network: flags["subtensor.network"], endpoint: endpoint === null || isWeaker ? undefined : endpoint };
}

/**
 * Connects to the chain that `--subtensor.*` name. Throws BtstoreError "usage" or "chain".
 *
 * @param commitsFolder Where a validator keeps weights that it has committed to.
 */
export async function openChain(run: Tools & ChainFlags, commitsFolder?: string): Promise<Chain> {
  // Loaded here, so that commands which stay offline do not pay for it.
  const { chainEndpoints, connectChain } = await import("../lib/chain/mod.ts");
  const { network, endpoint } = chainChoice(run);
  const endpoints = chainEndpoints(network, endpoint);
  const notice = setTimeout(() => run.log.info(`Still connecting to the chain at ${endpoints.join(", ")}`), CONNECTING_NOTICE_MS);
  try {
    return await connectChain({ endpoints, log: run.log, signal: run.signal, ...(commitsFolder === undefined ? {} : { commitsFolder }) });
  } finally {
    clearTimeout(notice);
  }
}
