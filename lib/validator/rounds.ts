/**
 * When weights are set: once per tempo, shortly before the chain's epoch, and never against the chain's rate limit.
 *
 * Pure: blocks in, a decision out. The epoch's block comes from the chain's own schedule (`Chain.nextEpochBlock`).
 */

/** What the decision depends on, all in blocks of the chain. */
export type RoundState = {
  /** Present block. */
  block: number;
  /** First block of the next epoch. */
  nextEpochBlock: number;
  /** Blocks per epoch. */
  tempoBlocks: number;
  /** Block at which our weights were last accepted by the chain, as the chain knows it; 0 if never. */
  lastUpdateBlock: number;
  /** WeightsSetRateLimit of the subnet. */
  rateLimitBlocks: number;
};

/** Weights go out in the last tenth of a tempo, so that they carry nearly all of its audits and still have time to land. */
const LEAD_SHARE = 0.1;
/** And never later than this many blocks before the epoch begins. */
const LEAD_BLOCKS_MIN = 3;

/**
 * Whether weights are due now.
 *
 * @returns True from the last tenth of the tempo on, once per tempo, when the chain's rate limit permits.
 */
export function weightsDue(state: RoundState): boolean {
  const lead = Math.max(LEAD_BLOCKS_MIN, Math.ceil(state.tempoBlocks * LEAD_SHARE));
  const windowStart = state.nextEpochBlock - lead;
  if (state.block < windowStart) return false;
  if (state.lastUpdateBlock >= windowStart) return false;
  return state.lastUpdateBlock === 0 || state.block - state.lastUpdateBlock >= state.rateLimitBlocks;
}
