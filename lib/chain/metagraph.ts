/**
 * Who is on a subnet: one runtime call where the chain has it, the selective one before the full one, storage in a few
 * requests otherwise (facts 3.6 to 3.8).
 *
 * Everything is by hotkey; uids change. Values come from hostile miners as much as from the chain (axon addresses), and
 * are parsed into plain types here.
 */
import type { Codec } from "@polkadot/types/types";
import { BtstoreError, describeError, type Ss58 } from "../core/mod.ts";
import { encodeSs58 } from "../wallet/mod.ts";
import { decodeIp } from "./address.ts";
import { sendFault } from "./errors.ts";
import { type Link, readStorage, SUBTENSOR, toBigint, toList, toNumber, type Wanted } from "./link.ts";
import { cleanText } from "./quiet.ts";
import { within } from "./wait.ts";

/** Where a miner says it listens. */
export type Axon = { readonly ip: string; readonly port: number; readonly ipType: number; readonly protocol: number; readonly version: number };

/** One registered hotkey. */
export type Neuron = {
  readonly uid: number;
  readonly hotkey: Ss58;
  readonly coldkey: Ss58;
  /** S: total stake by which permits and weights count, in rao. */
  readonly stake: bigint;
  readonly hasValidatorPermit: boolean;
  /** Null if it does not serve. */
  readonly axon: Axon | null;
  /** Block of its last weights. */
  readonly lastUpdate: number;
  /** 0 to 1. */
  readonly incentive: number;
  /** Block of its registration. */
  readonly registeredAt: number;
};

/** A subnet at one block, neurons by uid. */
export type Metagraph = {
  readonly netuid: number;
  readonly block: number;
  /** Blocks per epoch. */
  readonly tempo: number;
  /** Blocks between two settings of weights by one hotkey. */
  readonly weightsRateLimit: number;
  readonly isCommitRevealEnabled: boolean;
  readonly neurons: readonly Neuron[];
};

/** Positions in `SelectiveMetagraph` of what is read below; the others stay empty. */
const SELECTED = [7, 8, 27, 46, 52, 53, 55, 57, 59, 62, 66, 69];

/** The runtime's calls, the one with the smaller answer first. */
const CALLS = [["getSelectiveMetagraph", SELECTED], ["getMetagraph"]] as const;

const U16_MAX = 65_535;
const U64_MAX = (1n << 64n) - 1n;

/** Time for the runtime call, in milliseconds; a full subnet takes well under a second. */
const CALL_TIMEOUT_MS = 30_000;

/**
 * Reads the metagraph of a subnet.
 *
 * @throws {BtstoreError} `chain_refused` if there is no such subnet, `chain` if the chain does not answer.
 */
export async function readMetagraph(link: Link, netuid: number): Promise<Metagraph> {
  const action = `Cannot read the metagraph of subnet ${netuid}`;
  for (const [method, ...rest] of CALLS) {
    const call = link.api.call["subnetInfoRuntimeApi"]?.[method];
    if (!call) continue;
    try {
      const found = (await within(call(netuid, ...rest), action, "the chain's metagraph call", { timeoutMs: CALL_TIMEOUT_MS })) as unknown as OptionCodec;
      if (found.isNone) throw noSubnet(action, netuid);
      return fromRuntime(found.unwrap() as unknown as StructCodec, netuid);
    } catch (error) {
      if (error instanceof BtstoreError && (error.code === "chain_refused" || !link.socket.isConnected)) throw error;
      link.log.debug("The metagraph call failed, asking in another way", { netuid, method, reason: cleanText(describeError(error)) });
    }
  }
  return fromStorage(link, netuid, action);
}

type OptionCodec = Codec & { isNone: boolean; unwrap(): Codec };
type StructCodec = Codec & { get(key: string): Codec | undefined };

function fromRuntime(struct: StructCodec, netuid: number): Metagraph {
  const field = (name: string): Codec => {
    const found = struct.get(name);
    // Every field of the selective form is optional, none of the full one is.
    const value = found && "isNone" in found ? ((found as OptionCodec).isNone ? undefined : (found as OptionCodec).unwrap()) : found;
    if (value === undefined) throw new RangeError(`Metagraph: expected the field ${name}`);
    return value;
  };
  const list = (name: string) => toList(field(name));
  const [coldkeys, axons, permits, updates, incentives, registered, stakes] = [
    list("coldkeys"), list("axons"), list("validatorPermit"), list("lastUpdate"), list("incentives"), list("blockAtRegistration"), list("totalStake"),
  ];
  const neurons = list("hotkeys").map((hotkey, uid): Neuron => ({
    uid,
    hotkey: encodeSs58(hotkey.toU8a()),
    coldkey: encodeSs58(coldkeys[uid]!.toU8a()),
    stake: toBigint(stakes[uid] ?? null) ?? 0n,
    hasValidatorPermit: permits[uid]?.toString() === "true",
    axon: decodeAxon(axons[uid] ?? null),
    lastUpdate: toNumber(updates[uid] ?? null) ?? 0,
    incentive: (toNumber(incentives[uid] ?? null) ?? 0) / U16_MAX,
    registeredAt: toNumber(registered[uid] ?? null) ?? 0,
  }));
  return {
    netuid,
    block: toNumber(field("block"))!,
    tempo: toNumber(field("tempo"))!,
    weightsRateLimit: toNumber(field("weightsRateLimit"))!,
    isCommitRevealEnabled: field("commitRevealWeightsEnabled").toString() === "true",
    neurons,
  };
}

/**
 * The same from storage, all at one block. Stake is what is staked to the hotkey itself, on this subnet and on root by
 * `TaoWeight`; inheritance from parent keys is known to the runtime call alone.
 */
async function fromStorage(link: Link, netuid: number, action: string): Promise<Metagraph> {
  const head = link.head();
  const read = (wanted: Wanted[]) => readStorage(link, action, wanted, head.hash);
  const [exists, count, tempo, rateLimit, commitReveal, permits, updates, incentives, taoWeight] = await read([
    [SUBTENSOR, "networksAdded", netuid], [SUBTENSOR, "subnetworkN", netuid], [SUBTENSOR, "tempo", netuid], [SUBTENSOR, "weightsSetRateLimit", netuid],
    [SUBTENSOR, "commitRevealWeightsEnabled", netuid], [SUBTENSOR, "validatorPermit", netuid], [SUBTENSOR, "lastUpdate", netuid],
    [SUBTENSOR, "incentive", netuid], [SUBTENSOR, "taoWeight"],
  ]);
  if (exists?.toString() === "false") throw noSubnet(action, netuid);
  const uids = Array.from({ length: toNumber(count ?? null) ?? 0 }, (_, uid) => uid);
  const keys = await read(uids.flatMap((uid): Wanted[] => [[SUBTENSOR, "keys", netuid, uid], [SUBTENSOR, "blockAtRegistration", netuid, uid]]));
  const hotkeys = uids.map((uid) => keys[2 * uid]!.toU8a());
  const perHotkey = await read(hotkeys.flatMap((hotkey): Wanted[] => [
    [SUBTENSOR, "owner", hotkey], [SUBTENSOR, "axons", netuid, hotkey], [SUBTENSOR, "totalHotkeyAlpha", hotkey, netuid], [SUBTENSOR, "totalHotkeyAlpha", hotkey, 0],
  ]));
  const [permitList, updateList, incentiveList] = [toList(permits ?? null), toList(updates ?? null), toList(incentives ?? null)];
  const rootWeight = toBigint(taoWeight ?? null) ?? 0n;
  const neurons = uids.map((uid): Neuron => {
    const [owner, axon, alpha, root] = perHotkey.slice(4 * uid, 4 * uid + 4);
    return {
      uid,
      hotkey: encodeSs58(hotkeys[uid]!),
      coldkey: encodeSs58(owner!.toU8a()),
      stake: (toBigint(alpha ?? null) ?? 0n) + (netuid === 0 ? 0n : ((toBigint(root ?? null) ?? 0n) * rootWeight) / U64_MAX),
      hasValidatorPermit: permitList[uid]?.toString() === "true",
      axon: decodeAxon(axon ?? null),
      lastUpdate: toNumber(updateList[uid] ?? null) ?? 0,
      incentive: (toNumber(incentiveList[uid] ?? null) ?? 0) / U16_MAX,
      registeredAt: toNumber(keys[2 * uid + 1] ?? null) ?? 0,
    };
  });
  return {
    netuid,
    block: head.number,
    tempo: toNumber(tempo ?? null) ?? 0,
    weightsRateLimit: toNumber(rateLimit ?? null) ?? 0,
    isCommitRevealEnabled: commitReveal?.toString() === "true",
    neurons,
  };
}

/** An `AxonInfo` of the chain; null if it is missing or announces nothing. */
export function decodeAxon(codec: Codec | null): Axon | null {
  if (codec === null) return null;
  const field = (name: string) => (codec as StructCodec).get(name) ?? null;
  const ipType = toNumber(field("ipType"))!;
  const ip = decodeIp(toBigint(field("ip"))!, ipType);
  const port = toNumber(field("port"))!;
  if (ip === null || port === 0) return null;
  return { ip, port, ipType, protocol: toNumber(field("protocol"))!, version: toNumber(field("version"))! };
}

function noSubnet(action: string, netuid: number): BtstoreError {
  return sendFault(action, new BtstoreError("chain_refused", `there is no subnet ${netuid} on this chain; check --netuid and --subtensor.network`));
}
