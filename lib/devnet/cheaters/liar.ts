/** A validator that audits nobody and gives all its weight to a friend, whenever the chain takes it. */
import { type Clock, type Log, type Ss58, describeError } from "../../core/mod.ts";
import type { Chain } from "../../chain/mod.ts";
import type { Hotkey } from "../../wallet/mod.ts";

/** Attempts in real time; the chain's own rate limit refuses most. */
const ATTEMPT_MS = 5_000;

/** Lies until the signal aborts. */
export async function lie(options: { hotkey: Hotkey; netuid: number; chain: Chain; friend: Ss58; versionKey: number; clock: Clock; log: Log }, signal: AbortSignal): Promise<void> {
  const { hotkey, netuid, chain, friend, versionKey, clock, log } = options;
  while (!signal.aborted) {
    try {
      const { neurons } = await chain.metagraph(netuid);
      const uid = neurons.find((neuron) => neuron.hotkey === friend)?.uid;
      if (uid !== undefined) await chain.setWeights(hotkey, netuid, [{ uid, weight: 1 }], versionKey);
    } catch (error) {
      log.debug("The lie was not taken", { reason: describeError(error) });
    }
    await clock.sleep(ATTEMPT_MS, signal).catch(() => {});
  }
}
