/** The commands that exist. What is not listed here is unknown to `btstore`, its help and the README. */
import type { CommandDef } from "citty";
import type { CommandName } from "./flags.ts";

/** One row of the list. `load` is called only to run the command, so that help and errors stay fast. */
export type CommandRow = {
  readonly summary: string;
  /** Runs, but is not shown: what a devnet starts and no person does. */
  readonly isHidden?: true;
  readonly load: () => Promise<CommandDef>;
};

export const COMMANDS: Readonly<Partial<Record<CommandName, CommandRow>>> = {
  devnet: { summary: "run a whole network on this machine: a chain, miners, a validator, cheats if asked", load: async () => (await import("./devnet.ts")).devnet },
  "devnet-cheater": { summary: "one dishonest member of a devnet", isHidden: true, load: async () => (await import("./devnet_cheater.ts")).devnetCheater },
  mine: { summary: "serve disk space: allocate, fill, answer audits, until stopped", load: async () => (await import("./mine.ts")).mine },
  validate: { summary: "audit the miners and set weights, until stopped", load: async () => (await import("./validate.ts")).validate },
  alloc: { summary: "plan the partitions by stake, show the plan, ask, fill; goes on after any interruption", load: async () => (await import("./alloc.ts")).alloc },
  verify: { summary: "re-read partitions against their hashes and repair filler that rotted; or check an audit's transcript", load: async () => (await import("./verify.ts")).verify },
  status: { summary: "show what is on this machine: partitions, audits, which roles run; beside them, without keys or chain", load: async () => (await import("./overview.ts")).status },
  bench: { summary: "measure fill, regeneration and reads, and say what they mean for this machine as a miner", load: async () => (await import("./bench.ts")).bench },
  register: { summary: "register the hotkey on a subnet; shows the price, asks, pays from the coldkey", load: async () => (await import("./register.ts")).register },
  "serve-axon": { summary: "announce on chain where the axon is reached, unless the chain knows", load: async () => (await import("./serve_axon.ts")).serveAxon },
  "weights show": { summary: "show the weights that stand on the chain and the subnet's rules about them", load: async () => (await import("./weights.ts")).show },
  "weights set": { summary: "set weights by hand, in whichever way the subnet takes them", load: async () => (await import("./weights.ts")).set },
  "wallet new-coldkey": { summary: "make a coldkey, the key that owns funds; encrypted unless told otherwise", load: async () => (await import("./wallet.ts")).newColdkey },
  "wallet new-hotkey": { summary: "make a hotkey, the key a miner or validator works with", load: async () => (await import("./wallet.ts")).newHotkey },
  "wallet regen-coldkey": { summary: "make a coldkey's files again from its words or its seed", load: async () => (await import("./wallet.ts")).regenColdkey },
  "wallet regen-hotkey": { summary: "make a hotkey's files again from its words or its seed", load: async () => (await import("./wallet.ts")).regenHotkey },
  "wallet list": { summary: "list the wallets and their addresses", load: async () => (await import("./wallet.ts")).list },
  "wallet show": { summary: "show one wallet's files, how they are encrypted, and their addresses", load: async () => (await import("./wallet.ts")).show },
  "wallet sign": { summary: "sign a message with the coldkey or the hotkey", load: async () => (await import("./wallet_key.ts")).sign },
  "wallet verify": { summary: "check the signature of a message", load: async () => (await import("./wallet_key.ts")).verify },
  "wallet encrypt": { summary: "encrypt a key file with a password, also one in an old form", load: async () => (await import("./wallet_key.ts")).encrypt },
  "wallet decrypt": { summary: "store a key file unencrypted", load: async () => (await import("./wallet_key.ts")).decrypt },
  "config show": { summary: "show every setting as environment and config file have it, and where each comes from", load: async () => (await import("./config.ts")).configShow },
  "config check": { summary: "check a config file; unknown keys are named with the closest one", load: async () => (await import("./config.ts")).configCheck },
  "config init": { summary: "write a config file with the few settings that matter, after asking for each", load: async () => (await import("./config.ts")).configInit },
  "service install": { summary: "write a hardened systemd unit for mine or validate, and say how to start it", load: async () => (await import("./service.ts")).serviceInstall },
  "service uninstall": { summary: "remove that unit; partitions and wallets stay", load: async () => (await import("./service.ts")).serviceUninstall },
  "service status": { summary: "list the units written here and whether they run", load: async () => (await import("./service.ts")).serviceStatus },
  "completions bash": { summary: "print the script that completes commands, flags, wallets and hotkeys in bash", load: async () => (await import("./completions.ts")).completionsBash },
  "completions zsh": { summary: "print the one for zsh", load: async () => (await import("./completions.ts")).completionsZsh },
  "completions fish": { summary: "print the one for fish", load: async () => (await import("./completions.ts")).completionsFish },
};

/** The names of all commands that run. */
export const RUNNABLE = Object.keys(COMMANDS) as readonly CommandName[];

/** The names of those that are shown, in the order of help. */
export const EXISTING = RUNNABLE.filter((name) => !COMMANDS[name]!.isHidden);
