/**
 * What a command is to `cmd/main.ts`: a leaf of citty's tree whose body gets typed flags instead of citty's own parsing.
 */
import { defineCommand, type CommandDef } from "citty";
import type { Log } from "../lib/core/mod.ts";
import type { CommandName, FlagsOf } from "./flags.ts";
import type { Parsed } from "./parse.ts";
import type { Screen } from "./screen.ts";

/** Everything one run of a command is given. */
export type Run<C extends CommandName> = Parsed<C> & {
  /** Aborts on Ctrl-C, SIGTERM or the death of the process that started us; its reason is a BtstoreError "cancelled". */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** stderr: log lines above, progress bars or a live table below. */
  readonly screen: Screen;
};

/** The flags every command takes. */
export type CommonFlags = FlagsOf<CommandName>;

/**
 * Declares one command.
 *
 * @param name Its words, as `cmd/flags.ts` knows it: decides which flags `body` gets.
 * @param body Checks, builds what it depends on, calls one thing in `lib/`, prints. Throws BtstoreError; never exits the process.
 */
export function command<C extends CommandName>(name: C, body: (run: Run<C>) => Promise<void>): CommandDef {
  return defineCommand({ meta: { name }, run: ({ data }) => body(data as Run<C>) });
}
