/** What weights stand on the chain, and the rules of the subnet about setting them: for people, all at one block. */
import type { Ss58 } from "../core/mod.ts";
import { readNextEpochBlock } from "./epoch.ts";
import { type Link, readStorage, SUBTENSOR, toList, toNumber, type Wanted } from "./link.ts";
import { readMetagraph } from "./metagraph.ts";

/** One neuron's weights as the chain keeps them: the largest is 65,535. */
export type WeightsRow = {
  readonly uid: number;
  readonly hotkey: Ss58;
  readonly hasValidatorPermit: boolean;
  /** Block of its last weights or commit; 0 if never. */
  readonly lastUpdate: number;
  readonly weights: readonly { readonly uid: number; readonly value: number }[];
};

/** A subnet's weights and its rules about them. */
export type SubnetWeights = {
  readonly netuid: number;
  readonly block: number;
  readonly nextEpochBlock: number;
  readonly tempo: number;
  readonly isCommitRevealEnabled: boolean;
  /** Blocks between two settings by one hotkey. */
  readonly rateLimitBlocks: number;
  /** The least version of validators. */
  readonly versionKey: number;
  readonly minAllowedWeights: number;
  /** Those with a permit and those with weights, by uid. */
  readonly rows: readonly WeightsRow[];
};

/**
 * Reads them.
 *
 * @throws {BtstoreError} `chain_refused` if there is no such subnet, `chain` if the chain does not answer.
 */
export async function readSubnetWeights(link: Link, netuid: number): Promise<SubnetWeights> {
  const action = `Cannot read the weights of subnet ${netuid}`;
  const { neurons, tempo, isCommitRevealEnabled, weightsRateLimit } = await readMetagraph(link, netuid);
  const nextEpochBlock = await readNextEpochBlock(link, netuid);
  const head = link.head();
  const [version, least, ...lists] = await readStorage(link, action, [
    [SUBTENSOR, "weightsVersionKey", netuid], [SUBTENSOR, "minAllowedWeights", netuid],
    ...neurons.map(({ uid }): Wanted => [SUBTENSOR, "weights", netuid, uid]),
  ], head.hash);
  const rows = neurons.map(({ uid, hotkey, hasValidatorPermit, lastUpdate }, i): WeightsRow => ({
    uid, hotkey, hasValidatorPermit, lastUpdate,
    weights: toList(lists[i] ?? null).map((pair) => {
      const [to, value] = toList(pair);
      return { uid: toNumber(to ?? null) ?? 0, value: toNumber(value ?? null) ?? 0 };
    }),
  }));
  return {
    netuid, block: head.number, nextEpochBlock, tempo, isCommitRevealEnabled, rateLimitBlocks: weightsRateLimit,
    versionKey: toNumber(version ?? null) ?? 0, minAllowedWeights: toNumber(least ?? null) ?? 0,
    rows: rows.filter(({ hasValidatorPermit, weights }) => hasValidatorPermit || weights.length > 0),
  };
}
