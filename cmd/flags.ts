/**
 * The one table of flags: it drives parsing, help, environment, config file and the README.
 *
 * Names keep Bittensor's spelling; each is also understood with dashes for dots and underscores (`--wallet-name`). The
 * first environment variable is the one shown; the others are spellings that older or newer Bittensor tools use.
 * The config key is the flag's name. Strongest first: flag, environment, file, default (`cmd/parse.ts`).
 */

/** Every command a flag may belong to. A command exists once `cmd/commands.ts` lists it. */
export const COMMAND_NAMES = [
  "devnet", "devnet-cheater", "mine", "validate", "alloc", "verify", "status", "bench",
  "completions bash", "completions zsh", "completions fish",
  "config show", "config check", "config init", "service install", "service uninstall", "service status",
  "register", "serve-axon", "weights show", "weights set",
  "wallet new-coldkey", "wallet new-hotkey", "wallet regen-coldkey", "wallet regen-hotkey", "wallet list", "wallet show",
  "wallet sign", "wallet verify", "wallet encrypt", "wallet decrypt",
] as const;
export type CommandName = (typeof COMMAND_NAMES)[number];

/** What a flag's text is read as. */
export type FlagType =
  | { readonly kind: "switch" }
  | { readonly kind: "text" }
  /** One or more of these, separated by commas. */
  | { readonly kind: "choices"; readonly choices: readonly string[] }
  /** Bytes: `500GB`, `1.5TiB`. */
  | { readonly kind: "size" }
  | { readonly kind: "integer"; readonly min: number; readonly max: number }
  /** Above 0 and at most 1. */
  | { readonly kind: "fraction" }
  /** Separated by commas; with `repeats` given once per value instead. */
  | { readonly kind: "list"; readonly repeats: boolean };

/** One row of the table. */
export type Flag = {
  readonly type: FlagType;
  /** null: nothing unless given; what happens then is part of `meaning`. */
  readonly default: string | number | boolean | readonly string[] | null;
  readonly environment: readonly string[];
  readonly commands: readonly CommandName[];
  /** A few words with the unit; no capital, no period. */
  readonly meaning: string;
};

const text = { kind: "text" } as const;
const size = { kind: "size" } as const;
const fraction = { kind: "fraction" } as const;
const onOff = { kind: "switch" } as const;
const commaList = { kind: "list", repeats: false } as const;
const repeated = { kind: "list", repeats: true } as const;
const integer = (min: number, max: number) => ({ kind: "integer", min, max }) as const;
const choices = <const C extends readonly string[]>(...choices: C) => ({ kind: "choices", choices }) as const;

const ALL = COMMAND_NAMES;
const ROLES = ["mine", "devnet-cheater", "validate", "alloc", "verify", "status"] as const;
const CALLERS = ["register", "serve-axon", "weights set"] as const;
const CHAIN_USERS = ["mine", "devnet-cheater", "validate", "alloc", "status", ...CALLERS, "weights show"] as const;
const MINERS = ["mine", "devnet-cheater", "alloc"] as const;
const REGEN = ["wallet regen-coldkey", "wallet regen-hotkey"] as const;
const NEW_KEYS = ["wallet new-coldkey", "wallet new-hotkey", ...REGEN] as const;
const KEY_USERS = ["wallet sign", "wallet encrypt", "wallet decrypt"] as const;

export const FLAGS = {
  "wallet.name": { type: text, default: "default", environment: ["BT_WALLET_NAME", "BT_WALLET"], commands: [...CALLERS, ...ROLES, ...NEW_KEYS, "wallet show", ...KEY_USERS, "config init", "service install", "service uninstall"], meaning: "the wallet, that is its coldkey" },
  "wallet.hotkey": { type: text, default: "default", environment: ["BT_WALLET_HOTKEY"], commands: [...CALLERS, ...ROLES, "wallet new-hotkey", "wallet regen-hotkey", "wallet show", ...KEY_USERS, "config init", "service install", "service uninstall"], meaning: "the hotkey in that wallet" },
  "wallet.path": { type: text, default: "~/.bittensor/wallets", environment: ["BT_WALLET_PATH"], commands: [...CALLERS, ...ROLES, ...NEW_KEYS, "wallet list", "wallet show", ...KEY_USERS, "service install"], meaning: "folder that holds the wallets" },
  "wallet.password_file": { type: text, default: null, environment: ["BT_WALLET_PASSWORD_FILE"], commands: [...CALLERS, "mine", "devnet-cheater", "validate", "alloc", ...NEW_KEYS, ...KEY_USERS, "service install"], meaning: "file with the password of an encrypted key; typed, it wins over BT_WALLET_PASSWORD" },
  db_path: { type: repeated, default: ["~/bittensor-db"], environment: ["BTSTORE_DB_PATH"], commands: ["weights set", ...ROLES, "bench", "devnet", "config init", "service install"], meaning: "root of the partitions; may be given once per disk" },
  netuid: { type: integer(0, 65_535), default: 1, environment: ["BTSTORE_NETUID"], commands: [...CHAIN_USERS, "config init"], meaning: "subnet" },
  "subtensor.network": { type: text, default: "finney", environment: ["BT_SUBTENSOR_NETWORK", "BT_NETWORK"], commands: [...CHAIN_USERS, "config init"], meaning: "finney, test, local, archive, or a ws:// or wss:// address" },
  "subtensor.chain_endpoint": { type: text, default: null, environment: ["BT_SUBTENSOR_CHAIN_ENDPOINT", "BT_CHAIN_ENDPOINT"], commands: CHAIN_USERS, meaning: "address of a chain node; wins over the network's" },
  threshold: { type: fraction, default: 0.0001, environment: ["BTSTORE_THRESHOLD"], commands: MINERS, meaning: "share of the space available to us that the partitions may take, above 0 and at most 1" },
  size: { type: size, default: null, environment: ["BTSTORE_SIZE"], commands: [...MINERS, "devnet", "bench", "config init"], meaning: "bytes (500GB, 1.5TiB) the partitions may take: a cap beside the threshold; for devnet each miner's space, for bench what is sealed to measure" },
  restart: { type: onOff, default: false, environment: ["BTSTORE_RESTART"], commands: MINERS, meaning: "begin the filling anew instead of going on at the checkpoint" },
  force: { type: onOff, default: false, environment: ["BTSTORE_FORCE"], commands: MINERS, meaning: "let --restart destroy stored user data" },
  steps_per_reallocate: { type: integer(1, 1_000_000_000), default: 1000, environment: ["BTSTORE_STEPS_PER_REALLOCATE"], commands: ["mine"], meaning: "blocks between two allocations" },
  workers: { type: integer(1, 1024), default: 10, environment: ["BTSTORE_WORKERS"], commands: [...MINERS, "verify", "bench"], meaning: "concurrent fill workers; capped by cores and memory" },
  no_prompt: { type: onOff, default: false, environment: ["BTSTORE_NO_PROMPT"], commands: ["register", "alloc", ...NEW_KEYS, "wallet decrypt", "config init"], meaning: "do not ask for confirmation" },
  validator: { type: onOff, default: false, environment: ["BTSTORE_VALIDATOR"], commands: ["alloc"], meaning: "allocate as a validator: only hash files" },
  "allocate.all": { type: onOff, default: false, environment: ["BTSTORE_ALLOCATE_ALL"], commands: MINERS, meaning: "partitions for every hotkey, not only for those with a validator permit" },
  "axon.port": { type: integer(1, 65_535), default: 8091, environment: ["BT_AXON_PORT"], commands: ["serve-axon", "mine", "devnet-cheater", "config init"], meaning: "port to listen on" },
  "axon.ip": { type: text, default: "[::]", environment: ["BT_AXON_IP"], commands: ["mine", "devnet-cheater"], meaning: "address to listen on" },
  "axon.external_ip": { type: text, default: null, environment: ["BT_AXON_EXTERNAL_IP"], commands: ["serve-axon", "mine", "devnet-cheater"], meaning: "address to announce on chain; found out unless given" },
  "axon.external_port": { type: integer(1, 65_535), default: null, environment: ["BT_AXON_EXTERNAL_PORT"], commands: ["serve-axon", "mine", "devnet-cheater"], meaning: "port to announce on chain; the port listened on unless given" },
  "axon.tls_cert": { type: text, default: null, environment: ["BTSTORE_AXON_TLS_CERT"], commands: ["mine"], meaning: "certificate chain, a PEM file: the axon then speaks TLS" },
  "axon.tls_key": { type: text, default: null, environment: ["BTSTORE_AXON_TLS_KEY"], commands: ["mine"], meaning: "private key of that certificate, a PEM file" },
  price_max: { type: text, default: null, environment: ["BTSTORE_PRICE_MAX"], commands: ["register"], meaning: "the most TAO to pay; a tenth more than the price shown unless given" },
  weights: { type: commaList, default: [], environment: [], commands: ["weights set"], meaning: "what to give whom, as uid=share separated by commas; only ratios count" },
  "blacklist.hotkeys": { type: commaList, default: [], environment: ["BTSTORE_BLACKLIST_HOTKEYS"], commands: ["mine"], meaning: "hotkeys to refuse, separated by commas" },
  "blacklist.whitelist_hotkeys": { type: commaList, default: [], environment: ["BTSTORE_BLACKLIST_WHITELIST_HOTKEYS"], commands: ["mine"], meaning: "hotkeys to serve whatever the metagraph and the other blacklist flags but that of hotkeys say, separated by commas" },
  "blacklist.force_validator_permit": { type: onOff, default: false, environment: ["BTSTORE_BLACKLIST_FORCE_VALIDATOR_PERMIT"], commands: ["mine"], meaning: "serve nobody without a validator permit, not even a ping" },
  "blacklist.allow_non_registered": { type: onOff, default: false, environment: ["BTSTORE_BLACKLIST_ALLOW_NON_REGISTERED"], commands: ["mine"], meaning: "serve hotkeys that are not registered what needs no permit" },
  "blacklist.minimum_stake_requirement": { type: integer(0, 1_000_000_000), default: 0, environment: ["BTSTORE_BLACKLIST_MINIMUM_STAKE_REQUIREMENT"], commands: ["mine"], meaning: "least stake of the hotkeys to serve, in TAO" },
  once: { type: onOff, default: false, environment: ["BTSTORE_ONCE"], commands: ["validate"], meaning: "run one round and end" },
  watch: { type: onOff, default: false, environment: ["BTSTORE_WATCH"], commands: ["status"], meaning: "look again every 2 seconds until Ctrl-C" },
  chain: { type: onOff, default: false, environment: ["BTSTORE_CHAIN"], commands: ["status"], meaning: "ask the chain too; implied by a typed --subtensor flag" },
  repair: { type: onOff, default: false, environment: ["BTSTORE_REPAIR"], commands: ["verify"], meaning: "seal filler again that no longer matches its hashes" },
  audit: { type: text, default: null, environment: ["BTSTORE_AUDIT"], commands: ["verify"], meaning: "check the transcript of an audit in this file instead; needs nothing else" },
  miners: { type: integer(1, 64), default: 3, environment: ["BTSTORE_MINERS"], commands: ["devnet"], meaning: "miners to start" },
  validators: { type: integer(1, 16), default: 1, environment: ["BTSTORE_VALIDATORS"], commands: ["devnet"], meaning: "validators to start" },
  rounds: { type: integer(1, 1_000_000), default: null, environment: ["BTSTORE_ROUNDS"], commands: ["devnet"], meaning: "end after this many rounds; goes on until stopped unless given" },
  cheat: { type: choices("regenerate", "drop", "overclaim", "steer"), default: [], environment: ["BTSTORE_CHEAT"], commands: ["devnet", "devnet-cheater"], meaning: "replace one miner by this cheat; several, separated by commas, replace one each" },
  liar: { type: onOff, default: false, environment: ["BTSTORE_LIAR"], commands: ["devnet"], meaning: "let the last of two or more validators give all its weight to the last miner" },
  friend: { type: text, default: null, environment: [], commands: ["devnet-cheater"], meaning: "hotkey a lying validator gives all its weight to" },
  block_time: { type: integer(20, 12_000), default: null, environment: ["BTSTORE_BLOCK_TIME"], commands: ["devnet"], meaning: "milliseconds from block to block, instead of --time_scale" },
  time_scale: { type: integer(1, 240), default: 60, environment: ["BTSTORE_TIME_SCALE"], commands: ["devnet"], meaning: "how many times faster than 12 s blocks the chain runs; deadlines never scale" },
  no_password: { type: onOff, default: false, environment: ["BTSTORE_NO_PASSWORD"], commands: ["wallet new-coldkey", "wallet regen-coldkey"], meaning: "store the coldkey unencrypted" },
  use_password: { type: onOff, default: false, environment: ["BTSTORE_USE_PASSWORD"], commands: ["wallet new-hotkey", "wallet regen-hotkey"], meaning: "store the hotkey encrypted" },
  overwrite: { type: onOff, default: false, environment: ["BTSTORE_OVERWRITE"], commands: [...NEW_KEYS, "config init", "service install"], meaning: "replace a file that exists, a key after a question at a terminal; the old key is lost" },
  mnemonic_file: { type: text, default: null, environment: ["BTSTORE_MNEMONIC_FILE"], commands: REGEN, meaning: "file with the words or the 0x seed; else from stdin, or asked for" },
  use_hotkey: { type: onOff, default: false, environment: ["BTSTORE_USE_HOTKEY"], commands: KEY_USERS, meaning: "the hotkey instead of the coldkey" },
  message: { type: text, default: null, environment: [], commands: ["wallet sign", "wallet verify"], meaning: "what is signed: text, or behind 0x bytes in hex" },
  signature: { type: text, default: null, environment: [], commands: ["wallet verify"], meaning: "the signature, 128 hex digits" },
  address: { type: text, default: null, environment: [], commands: ["wallet verify"], meaning: "whose signature it should be: an address or a public key in hex" },
  output: { type: text, default: "btstore.toml", environment: [], commands: ["config init"], meaning: "file to write" },
  role: { type: choices("mine", "validate"), default: [], environment: [], commands: ["service install", "service uninstall"], meaning: "which role the service is: one of these" },
  run_as: { type: text, default: null, environment: [], commands: ["service install"], meaning: "account that the service runs as; whoever installs it, or called sudo, unless given" },
  unit_dir: { type: text, default: "/etc/systemd/system", environment: [], commands: ["service install", "service uninstall", "service status"], meaning: "folder of systemd's units" },
  config: { type: text, default: null, environment: ["BTSTORE_CONFIG"], commands: ALL, meaning: "TOML file with flags by their names; none is read unless given" },
  json: { type: onOff, default: false, environment: ["BTSTORE_JSON"], commands: ALL, meaning: "results as one line of JSON on stdout" },
  "logging.debug": { type: onOff, default: false, environment: ["BT_LOGGING_DEBUG"], commands: ALL, meaning: "say more, and show where errors come from" },
  "logging.trace": { type: onOff, default: false, environment: ["BT_LOGGING_TRACE"], commands: ALL, meaning: "say everything" },
  "logging.json": { type: onOff, default: false, environment: ["BTSTORE_LOGGING_JSON"], commands: ALL, meaning: "log lines as JSON" },
  "logging.logging_dir": { type: text, default: null, environment: ["BT_LOGGING_LOGGING_DIR", "BT_LOGGING_DIR"], commands: ALL, meaning: "folder that also gets the log, as JSON lines; none unless given" },
  "logging.interval": { type: integer(1, 86_400), default: 60, environment: ["BTSTORE_LOGGING_INTERVAL"], commands: ["mine", "devnet-cheater", "validate", "devnet"], meaning: "seconds between two status lines" },
} as const satisfies Record<string, Flag>;

export type FlagName = keyof typeof FLAGS;

type Read<T extends FlagType> = T extends { kind: "switch" } ? boolean
  : T extends { kind: "size" | "integer" | "fraction" } ? number
  : T extends { kind: "choices"; choices: readonly (infer C)[] } ? readonly C[]
  : T extends { kind: "list" } ? readonly string[]
  : string;

/** The value of one flag after parsing; null only where the table has no default. */
export type FlagValue<N extends FlagName> = Read<(typeof FLAGS)[N]["type"]> | ((typeof FLAGS)[N]["default"] extends null ? null : never);

/** The flags that one command takes, by name. A union of commands has the flags all of them take. */
export type FlagsOf<C extends CommandName> = {
  readonly [N in FlagName as [C] extends [(typeof FLAGS)[N]["commands"][number]] ? N : never]: FlagValue<N>;
};

/** Every row in the table's order. */
export const FLAG_ROWS: readonly (readonly [FlagName, Flag])[] = Object.entries(FLAGS) as [FlagName, Flag][];

/** The rows of one command, in the table's order. */
export function flagsFor(command: CommandName): readonly (readonly [FlagName, Flag])[] {
  return FLAG_ROWS.filter(([, flag]) => flag.commands.includes(command));
}

/** One spelling for all: dots and underscores as dashes, lower case. */
export function normalFlagName(name: string): string {
  return name.replaceAll(/[._]/g, "-").toLowerCase();
}

/** What stands behind a flag in help: `SIZE`, `1-1024`; null for a switch. */
export function valueHint({ type }: Flag): string | null {
  switch (type.kind) {
    case "switch": return null;
    case "text": return "TEXT";
    case "choices": return `${type.choices.join("|")},…`;
    case "size": return "SIZE";
    case "integer": return `${type.min}-${type.max}`;
    case "fraction": return "FRACTION";
    case "list": return type.repeats ? "TEXT" : "TEXT,…";
  }
}

/** A default for people: `off`, `1000`, `~/bittensor-db`, `–` for none. */
export function defaultText(flag: Flag): string {
  const value = flag.default;
  if (value === null || (Array.isArray(value) && value.length === 0)) return "–";
  if (typeof value === "boolean") return value ? "on" : "off";
  return Array.isArray(value) ? value.join(", ") : String(value);
}
