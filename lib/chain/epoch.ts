/** When a subnet's next epoch comes, by the chain's own schedule (facts 3.9). The old modulo formula is wrong since spec 423. */
import { BtstoreError } from "../core/mod.ts";
import { type Link, readStorage, SUBTENSOR, toNumber } from "./link.ts";
import { within } from "./wait.ts";

const CALL_TIMEOUT_MS = 20_000;

/**
 * The block at which the next epoch of a subnet begins, as far as the chain can tell now.
 *
 * @throws {BtstoreError} `chain_refused` if the subnet has no epochs, `chain` if the chain does not answer.
 */
export async function readNextEpochBlock(link: Link, netuid: number): Promise<number> {
  const action = `Cannot tell when the next epoch of subnet ${netuid} is`;
  const call = link.api.call["subnetInfoRuntimeApi"]?.["getNextEpochStartBlock"];
  if (call) {
    const answer = (await within(call(netuid), action, "the chain's epoch call", { timeoutMs: CALL_TIMEOUT_MS })).toString();
    if (answer !== "") return Number(answer);
  }
  const head = link.head();
  const [exists, tempoValue, lastEpoch, sinceStep] = await readStorage(link, action, [
    [SUBTENSOR, "networksAdded", netuid], [SUBTENSOR, "tempo", netuid], [SUBTENSOR, "lastEpochBlock", netuid], [SUBTENSOR, "blocksSinceLastStep", netuid],
  ], head.hash);
  const tempo = exists?.toString() === "false" ? 0 : (toNumber(tempoValue ?? null) ?? 0);
  if (tempo === 0) throw new BtstoreError("chain_refused", `${action}: it has no epochs; check --netuid`);
  const last = toNumber(lastEpoch ?? null);
  if (last !== null) return Math.max(head.number + 1, last + tempo);
  // Runtimes before spec 423 count the blocks since the last epoch; their period is one longer than the tempo.
  return Math.max(head.number + 1, head.number - (toNumber(sinceStep ?? null) ?? 0) + tempo + 1);
}
