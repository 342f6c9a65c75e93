/**
 * What a newcomer pays for and a miner announces: registration and the axon's address (facts 3.4 and 3.5).
 *
 * What the chain would refuse is refused before sending, with the moment of the next attempt where there is one.
 */
import { BtstoreError, formatDuration, formatTao, type Ss58 } from "../core/mod.ts";
import { decodeSs58, type Hotkey } from "../wallet/mod.ts";
import { addressFault, encodeIp } from "./address.ts";
import { AXON_PROTOCOL, encodeRegister, encodeServeAxon } from "./encode.ts";
import { type Link, readStorage, requireUid, SUBTENSOR, toBigint, toNumber } from "./link.ts";
import { decodeAxon } from "./metagraph.ts";
import { submit } from "./submit.ts";
import { within } from "./wait.ts";

/** Time for the chain to tell a fee, in milliseconds; registering works without. */
const FEE_TIMEOUT_MS = 10_000;

/** What `serve_axon` announces. */
export type AxonAnnouncement = {
  readonly netuid: number;
  /** IPv4 or IPv6 address in text, as others reach it. */
  readonly ip: string;
  /** 1 to 65535. */
  readonly port: number;
  /** Software version, u32; SDK convention: major · 1,000,000 + minor · 1,000 + patch. */
  readonly version: number;
};

/** The price of registering on a subnet now, in rao. */
export async function readBurnCost(link: Link, netuid: number): Promise<bigint> {
  const action = `Cannot read the registration price of subnet ${netuid}`;
  const [exists, burn] = await readStorage(link, action, [[SUBTENSOR, "networksAdded", netuid], [SUBTENSOR, "burn", netuid]]);
  if (exists?.toString() === "false") throw new BtstoreError("chain_refused", `${action}: there is no such subnet on this chain; check --netuid`);
  const price = toBigint(burn ?? null);
  if (price === null) throw new BtstoreError("chain", `${action}: this chain keeps no such price`);
  return price;
}

/** The free balance of an account, in rao. */
export async function readBalance(link: Link, account: Ss58): Promise<bigint> {
  const [found] = await readStorage(link, `Cannot read the balance of ${account}`, [["system", "account", account]]);
  const data = (found as unknown as { data?: { free?: { toString(): string } } } | null)?.data;
  return BigInt(data?.free?.toString() ?? "0");
}

/** What registering costs now, in rao, and what the payer has. */
export type RegistrationQuote = {
  /** Burned. */
  readonly price: bigint;
  /** The chain's fee for the call; null where the chain does not tell. */
  readonly fee: bigint | null;
  readonly balance: bigint;
  /** Whether the chain itself holds a price limit (`register_limit`); else it is checked here before sending. */
  readonly isLimitHeld: boolean;
};

/**
 * Asks what registering a hotkey costs.
 *
 * @throws {BtstoreError} `chain_refused` if there is no such subnet or the hotkey is on it already; `chain` if the chain does not answer.
 */
export async function quoteRegistration(link: Link, coldkey: Ss58, hotkey: Ss58, netuid: number): Promise<RegistrationQuote> {
  const price = await readBurnCost(link, netuid);
  const action = `Cannot register ${hotkey} on subnet ${netuid}`;
  const [known] = await readStorage(link, action, [[SUBTENSOR, "uids", netuid, hotkey]]);
  if (known) throw new BtstoreError("chain_refused", `${action}: it is registered already, as uid ${toNumber(known)}`);
  const call = encodeRegister(link.api, netuid, hotkey, price);
  const fee = await within(call.paymentInfo(coldkey), action, "the chain's fee", { timeoutMs: FEE_TIMEOUT_MS }).then(({ partialFee }) => partialFee.toBigInt(), () => null);
  return { price, fee, balance: await readBalance(link, coldkey), isLimitHeld: call.method.method === "registerLimit" };
}

/**
 * Registers a hotkey, paid by the coldkey and burned; done when its block is final.
 *
 * @param priceMax The most to pay in rao; held by the chain itself where it has `register_limit`.
 * @returns The uid given.
 * @throws {BtstoreError} `chain_refused` if it is registered already, the price is above `priceMax` or the balance.
 */
export async function register(link: Link, coldkey: Hotkey, hotkey: Ss58, netuid: number, priceMax?: bigint): Promise<{ uid: number }> {
  const action = `Cannot register ${hotkey} on subnet ${netuid}`;
  const refuse = (reason: string) => new BtstoreError("chain_refused", `${action}: ${reason}`);
  const price = await readBurnCost(link, netuid);
  const [known] = await readStorage(link, action, [[SUBTENSOR, "uids", netuid, hotkey]]);
  if (known) throw refuse(`it is registered already, as uid ${toNumber(known)}`);
  if (priceMax !== undefined && price > priceMax) throw refuse(`the price is ${formatTao(price)}, above the limit of ${formatTao(priceMax)}`);
  const balance = await readBalance(link, coldkey.ss58);
  if (balance < price) throw refuse(`it costs ${formatTao(price)} and the coldkey ${coldkey.ss58} holds ${formatTao(balance)}; send TAO to it`);
  const makeCall = () => encodeRegister(link.api, netuid, hotkey, priceMax);
  const { eventData } = await submit(link, { action, signer: coldkey, makeCall, event: "SubtensorModule.NeuronRegistered", isFinal: true });
  return { uid: toNumber(eventData[1]!)! };
}

/**
 * Announces where an axon listens, unless the chain knows already.
 *
 * @returns Whether anything had to be sent.
 * @throws {BtstoreError} `chain_refused` with the reason, for a rate limit with the moment of the next attempt; `not_registered`.
 */
export async function serveAxon(link: Link, hotkey: Hotkey, axon: AxonAnnouncement): Promise<boolean> {
  const { netuid, port, version } = axon;
  const action = `Cannot announce the axon on subnet ${netuid}`;
  const ip = encodeIp(axon.ip);
  if (ip === null) throw new BtstoreError("usage", `${action}: "${axon.ip}" is no IP address`);
  const fault = addressFault(ip, port);
  if (fault !== null) throw new BtstoreError("chain_refused", `${action}: ${fault}`);
  const head = link.head();
  const account = decodeSs58(hotkey.ss58);
  const [uid, stored, rateLimit] = await readStorage(
    link, action, [[SUBTENSOR, "uids", netuid, account], [SUBTENSOR, "axons", netuid, account], [SUBTENSOR, "servingRateLimit", netuid]], head.hash,
  );
  requireUid(uid ?? null, action, netuid);
  const known = decodeAxon(stored ?? null);
  const wanted = { ipType: ip.family, port, protocol: AXON_PROTOCOL, version };
  if (known && encodeIp(known.ip)?.value === ip.value && Object.entries(wanted).every(([key, value]) => known[key as keyof typeof wanted] === value)) return false;
  const servedAt = toNumber((stored as unknown as { get(key: string): never } | null)?.get("block") ?? null) ?? 0;
  const allowedAt = servedAt === 0 ? 0 : servedAt + (toNumber(rateLimit ?? null) ?? 0);
  if (head.number < allowedAt) throw new BtstoreError("chain_refused", `${action}: it was announced at block ${servedAt}, ${untilBlock(link, allowedAt)}`);
  const makeCall = () => encodeServeAxon(link.api, netuid, version, ip, port);
  await submit(link, { action, signer: hotkey, makeCall, event: "SubtensorModule.AxonServed" });
  return true;
}

/** When a rate limit ends, in words. */
export function untilBlock(link: Link, block: number): string {
  return `the next attempt is allowed at block ${block}, in about ${formatDuration((block - link.head().number) * link.blockMs)}`;
}
