/**
 * A validator's allocation (DESIGN section 3): one hashes file per registered miner, partition.json, and the declarations
 * of the miners that answer. No data files: what is kept of a miner is 32 bytes per 4 GiB.
 */
import { type Clock, type Ss58, CHUNK_BYTES } from "../core/mod.ts";
import { type Ledger, declaredGeometry, decodeSignedDeclaration, openDeclaration } from "../audit/mod.ts";
import type { Metagraph, Neuron } from "../chain/mod.ts";
import { manifestEntry, updateManifest } from "../store/mod.ts";
import { type Hotkey, verifySignature } from "../wallet/mod.ts";
import type { Dendrite } from "../wire/mod.ts";
import type { Ledgers } from "./ledgers.ts";

export type HashesAllocation = {
  readonly hotkey: Hotkey;
  readonly metagraph: Metagraph;
  readonly genesisHash: Uint8Array;
  /** Hashes files also for hotkeys with a validator permit that serve nothing. */
  readonly isForAll: boolean;
  readonly folder: string;
  readonly ledgers: Ledgers;
  readonly dendrite: Dendrite;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/** What became of one miner. */
export type AllocatedMiner = {
  readonly uid: number;
  readonly hotkey: Ss58;
  /** Bytes it declares, by the newest declaration we have; 0 before the first. */
  readonly declaredBytes: number;
  /** Of that declaration; null before the first. */
  readonly serial: number | null;
  /** Why it gave no valid declaration just now; null if it did. */
  readonly fault: string | null;
};

const CALL_MS = 10_000;

/** Miners asked at once. */
const PARALLEL = 16;

/**
 * Makes the hashes files, asks every miner for its declaration, and writes partition.json.
 *
 * @returns One row per miner, by uid.
 * @throws {BtstoreError} `disk`, `disk_full`, `corrupt`; `usage` if a file is of another role; `cancelled`.
 */
export async function allocateHashes(allocation: HashesAllocation): Promise<AllocatedMiner[]> {
  const { hotkey, metagraph, isForAll, folder, ledgers, signal } = allocation;
  const miners = metagraph.neurons.filter((neuron) => neuron.hotkey !== hotkey.ss58 && (isForAll || neuron.axon !== null || !neuron.hasValidatorPermit));
  const rows = new Map<number, AllocatedMiner>();
  const waiting = miners.map((neuron) => ({ neuron, ledger: ledgers.open(neuron.hotkey) }));
  const work = async () => {
    for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift()) {
      const fault = await collect(allocation, next.neuron, next.ledger);
      const standing = next.ledger.current()?.declaration;
      const { uid, hotkey: miner } = next.neuron;
      rows.set(uid, { uid, hotkey: miner, declaredBytes: standing ? declaredGeometry(standing).byteLength : 0, serial: standing?.serial ?? null, fault });
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  signal.throwIfAborted();
  const sorted = [...rows.values()].sort((left, right) => left.uid - right.uid);
  await updateManifest(folder, (entries) => {
    const { netuid } = metagraph;
    const others = entries.filter((entry) => entry.validator !== hotkey.ss58 || entry.netuid !== netuid);
    const own = new Map(entries.filter((entry) => !others.includes(entry)).map((entry) => [entry.owner, entry]));
    const fresh = sorted.map((row) => manifestEntry({ dir: folder, owner: row.hotkey, validator: hotkey.ss58, chunkCount: row.declaredBytes / CHUNK_BYTES, netuid }));
    return [...others, ...fresh.map((entry) => (own.get(entry.owner)?.size === entry.size ? own.get(entry.owner)! : entry))];
  });
  return sorted;
}

/** Fetches one declaration into the miner's ledger. Returns why not, in a few words, or null. */
async function collect({ hotkey, metagraph, genesisHash, dendrite, clock, signal }: HashesAllocation, neuron: Neuron, ledger: Ledger): Promise<string | null> {
  if (neuron.axon === null) return "serves no axon";
  const outcome = await dendrite.call({ hotkey: neuron.hotkey, ip: neuron.axon.ip, port: neuron.axon.port }, "Declaration", new Uint8Array(0), { timeoutMs: CALL_MS, signal });
  if (outcome.kind === "refused") return `refused: ${outcome.reason}`;
  if (outcome.kind === "badAnswer") return `answered wrongly: ${outcome.fault}`;
  if (outcome.kind !== "ok") return outcome.kind;
  const signed = decodeSignedDeclaration(outcome.body);
  const opened = signed && openDeclaration(signed, { netuid: metagraph.netuid, genesisHash, miner: neuron.hotkey, validator: hotkey.ss58 }, verifySignature);
  if (!signed || opened?.kind !== "ok") return `declared wrongly: ${opened?.kind === "refused" ? opened.fault : "malformed"}`;
  const taken = ledger.accept(signed, opened.declaration, clock.now());
  return taken === "accepted" || taken === "known" || taken === "too_soon" ? null : `declared wrongly: ${taken}`;
}
