/** What a miner has to say about itself, for status lines and scripts. */
import type { Ss58 } from "../core/mod.ts";
import type { AuditCounts } from "./service.ts";

export type MinerReport = {
  readonly hotkey: Ss58;
  /** Null when it is not registered any more. */
  readonly uid: number | null;
  readonly block: number;
  readonly isChainConnected: boolean;
  /** By the chain, 0 to 1. */
  readonly incentive: number;
  /** As announced on chain; null before. */
  readonly axon: { readonly ip: string; readonly port: number } | null;
  readonly partitions: readonly { readonly validator: Ss58; readonly sizeBytes: number; readonly sealedBytes: number; readonly declaredBytes: number }[];
  /** Null when nothing is being sealed. */
  readonly fill: { readonly doneBytes: number; readonly totalBytes: number; readonly bytesPerSecond: number } | null;
  /** Why sealing stopped last; null if it did not. */
  readonly fillFault: string | null;
  /** Since the start. */
  readonly audits: AuditCounts;
};
