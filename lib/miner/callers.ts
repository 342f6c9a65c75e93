/** Who may call this miner: what the metagraph says of a hotkey, and the operator's wishes about it. */
import type { Neuron } from "../chain/mod.ts";
import type { Standing } from "../wire/mod.ts";

/** The operator's wishes. A hotkey that is both banned and allowed is banned. */
export type CallerPolicy = {
  readonly banned: ReadonlySet<string>;
  /** Served whatever the rest of this or the metagraph says. */
  readonly allowed: ReadonlySet<string>;
  /** Nobody is served without a validator permit, not even a ping. */
  readonly needsPermit: boolean;
  /** Hotkeys that are not registered are served what registered ones without a permit are. */
  readonly takesUnregistered: boolean;
  /** Least stake of those who are served, in rao. */
  readonly stakeMin: bigint;
};

/** Serves every registered hotkey what its permit allows. */
export const OPEN_TO_REGISTERED: CallerPolicy = { banned: new Set(), allowed: new Set(), needsPermit: false, takesUnregistered: false, stakeMin: 0n };

/**
 * The standing of a hotkey for the axon.
 *
 * @param neuron What the metagraph has of it; null if it is not registered.
 */
export function standingOf(policy: CallerPolicy, hotkey: string, neuron: Pick<Neuron, "hasValidatorPermit" | "stake"> | null): Standing | null {
  if (policy.banned.has(hotkey)) return { isRegistered: true, hasPermit: false, unwelcome: "Banned" };
  if (policy.allowed.has(hotkey)) return { isRegistered: true, hasPermit: true };
  if (neuron === null && !policy.takesUnregistered) return null;
  const known = { isRegistered: true, hasPermit: neuron?.hasValidatorPermit ?? false };
  if (policy.needsPermit && !known.hasPermit) return { ...known, unwelcome: "NoPermit" };
  return (neuron?.stake ?? 0n) < policy.stakeMin ? { ...known, unwelcome: "TooLittleStake" } : known;
}
