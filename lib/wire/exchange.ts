/** What the dendrite and its timing worker tell each other. Both ends are ours: nothing here is checked again. */

/** Main thread → worker. */
export type TimerRequest =
  | {
      readonly kind: "exchange";
      readonly id: number;
      /** Literal address without brackets. */
      readonly ip: string;
      readonly port: number;
      /** Head and body in one, ready to be written. */
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly responseBytesMax: number;
      /** From the first byte out to the last byte in, in milliseconds. */
      readonly timeoutMs: number;
    }
  | { readonly kind: "cancel"; readonly id: number }
  | { readonly kind: "close" };

/** How an exchange ended. */
export type ExchangeResult =
  | { readonly kind: "answer"; readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array<ArrayBuffer> }
  | { readonly kind: "malformed" | "too_large" | "late" | "cancelled" }
  | { readonly kind: "unreachable" | "closed" };

/** Worker → main thread. */
export type TimerReport = {
  readonly id: number;
  readonly result: ExchangeResult;
  /** From before the first byte out to after the last byte in (or to the end of waiting), worker's monotonic clock; 0 if nothing went out. */
  readonly elapsedMs: number;
  /** The worker's own longest stall meanwhile. */
  readonly lagMs: number;
};
