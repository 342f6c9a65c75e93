/** How a process ends: the one table of exit statuses, shown in help and in the README. Only `cmd/main.ts` uses it. */
import { BtstoreError, type ErrorCode } from "../lib/core/mod.ts";

export const EXIT_OK = 0;
export const EXIT_UNEXPECTED = 1;

/** The reader of our output went away; what a shell reports for SIGPIPE. */
export const EXIT_BROKEN_PIPE = 141;

/** 128 + 15, as shells report SIGTERM. */
export const EXIT_TERMINATED = 143;

const BY_CODE: Readonly<Record<ErrorCode, number>> = {
  usage: 2,
  wallet: 3,
  chain: 4,
  chain_refused: 5,
  not_registered: 6,
  disk: 7,
  disk_full: 8,
  locked: 9,
  corrupt: 10,
  network: 11,
  memory: 12,
  cancelled: 130,
};

/** Every status and its meaning, ascending. */
export const EXIT_STATUSES: readonly (readonly [number, string])[] = [
  [EXIT_OK, "done"],
  [EXIT_UNEXPECTED, "an unexpected error: a bug of ours"],
  [BY_CODE.usage, "usage: unknown flag or command, bad value"],
  [BY_CODE.wallet, "a wallet file is missing, unreadable or not ours, or a message's signature is wrong"],
  [BY_CODE.chain, "the chain cannot be reached or does not answer"],
  [BY_CODE.chain_refused, "the chain refused"],
  [BY_CODE.not_registered, "the hotkey is not registered on the subnet"],
  [BY_CODE.disk, "files cannot be read or written"],
  [BY_CODE.disk_full, "the disk is full, or would be"],
  [BY_CODE.locked, "another process holds the folder"],
  [BY_CODE.corrupt, "stored data do not match their hashes"],
  [BY_CODE.network, "a peer cannot be reached or does not answer as agreed"],
  [BY_CODE.memory, "too little memory, or memory that computes wrongly"],
  [BY_CODE.cancelled, "ended by Ctrl-C or by a \"no\""],
  [EXIT_BROKEN_PIPE, "the reader of our output went away"],
  [EXIT_TERMINATED, "ended by SIGTERM"],
];

/**
 * The exit status for anything thrown.
 *
 * @param terminated Whether SIGTERM came: what is cancelled then ends as 143 instead of 130.
 */
export function exitStatus(error: unknown, terminated: boolean): number {
  if (!(error instanceof BtstoreError)) return EXIT_UNEXPECTED;
  return error.code === "cancelled" && terminated ? EXIT_TERMINATED : BY_CODE[error.code];
}
