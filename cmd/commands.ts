/** The commands that exist. What is not listed here is unknown to `btstore`, its help and the README. */
import type { CommandDef } from "citty";
import type { CommandName } from "./flags.ts";

/** One row of the list. `load` is called only to run the command, so that help and errors stay fast. */
export type CommandRow = { readonly summary: string; readonly load: () => Promise<CommandDef> };

export const COMMANDS: Readonly<Partial<Record<CommandName, CommandRow>>> = {
  mine: { summary: "serve disk space: allocate, fill, answer audits, until stopped", load: async () => (await import("./mine.ts")).mine },
  validate: { summary: "audit the miners and set weights, until stopped", load: async () => (await import("./validate.ts")).validate },
  "wallet new-coldkey": { summary: "make a coldkey, the key that owns funds; encrypted unless told otherwise", load: async () => (await import("./wallet.ts")).newColdkey },
  "wallet new-hotkey": { summary: "make a hotkey, the key a miner or validator works with", load: async () => (await import("./wallet.ts")).newHotkey },
  "wallet list": { summary: "list the wallets and their addresses", load: async () => (await import("./wallet.ts")).list },
};

/** The names of the commands that exist, in the order of help. */
export const EXISTING = Object.keys(COMMANDS) as readonly CommandName[];
