/**
 * What a room needs in order to say something, without knowing how it is printed. `cmd` implements it with consola.
 *
 * Messages are sentences without a final period; facts go into `fields`. Peer bytes and secrets never reach either.
 */
export type LogFields = Readonly<Record<string, string | number | boolean | bigint | null>>;

export interface Log {
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Says nothing. */
export const silentLog: Log = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
