/**
 * What the world can do to us. Our own bugs are TypeError and RangeError; a peer's misbehaviour is a verdict
 * (`lib/audit/verdict.ts`), never an exception.
 *
 * The set of codes is closed and grows only when some caller branches on a new one; `cmd/main.ts` maps each to an exit status.
 */
export type ErrorCode =
  /** What the user typed cannot be meant: unknown flag, bad number, missing argument. */
  | "usage"
  /** A wallet file is missing, unreadable or not ours. */
  | "wallet"
  /** The chain cannot be reached or does not answer. */
  | "chain"
  /** The chain answered and refused. */
  | "chain_refused"
  /** The hotkey is not registered on the subnet. */
  | "not_registered"
  /** Files cannot be read or written. */
  | "disk"
  /** The disk is full, or would be. */
  | "disk_full"
  /** Another process holds the folder. */
  | "locked"
  /** Stored data do not match their hashes. */
  | "corrupt"
  /** A peer cannot be reached or does not answer as agreed. */
  | "network"
  /** The machine gives too little memory, or computes wrongly. */
  | "memory"
  /** The user or a signal ended it. */
  | "cancelled";

/** The world failed. Message: capital first, no final period; the action, a colon, what is, and the command that helps. */
export class BtstoreError extends Error {
  override readonly name = "BtstoreError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The text of anything thrown, for a log line or as a part of another message. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether an error carries one of the system's codes (`ENOENT`, `ENOSPC` …). */
export function hasSystemCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

/** Throws the abort of a signal as `cancelled`, if it was given. */
export function throwIfCancelled(signal: AbortSignal | undefined, action: string): void {
  if (signal?.aborted) throw new BtstoreError("cancelled", `${action}: cancelled`);
}
