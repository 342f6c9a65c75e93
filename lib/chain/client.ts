/**
 * The chain as the roles see it: one socket, the newest head by subscription, everything else on request.
 *
 * A chain that is away makes each request fail at once with what was last seen; the socket goes on trying, and heads
 * come again by themselves. Runtime upgrades are polkadot.js's: it follows `state_subscribeRuntimeVersion`, reads the
 * new metadata and encodes calls by it.
 */
import { ApiPromise } from "@polkadot/api";
import type { Header } from "@polkadot/types/interfaces";
import { BtstoreError, describeError, fromHex, type Log, type Ss58 } from "../core/mod.ts";
import { cryptoReady, type Hotkey } from "../wallet/mod.ts";
import { type AxonAnnouncement, quoteRegistration, register, type RegistrationQuote, serveAxon } from "./calls.ts";
import { readNextEpochBlock } from "./epoch.ts";
import type { Head, Link } from "./link.ts";
import { type Metagraph, readMetagraph } from "./metagraph.ts";
import { cleanText, quietPolkadot } from "./quiet.ts";
import { ChainSocket } from "./socket.ts";
import { within } from "./wait.ts";
import { setWeights, type Weight, type WeightsOutcome } from "./weights.ts";
import { readSubnetWeights, type SubnetWeights } from "./weights_view.ts";

/** How to reach a chain. */
export type ConnectOptions = {
  /** Addresses, tried in turn; at least one. */
  readonly endpoints: readonly string[];
  readonly log: Log;
  readonly signal?: AbortSignal;
  /** Longest wait until the chain is usable, in milliseconds; 30 s if missing. */
  readonly timeoutMs?: number;
  /** Longest wait for one answer, in milliseconds; 20 s if missing. */
  readonly requestTimeoutMs?: number;
  /** Folder for weights that are committed to and not revealed yet; chains that take hash commits only need one. */
  readonly commitsFolder?: string;
};

/** A connected chain. Every method that asks it throws BtstoreError `chain` if it does not answer in time. */
export interface Chain {
  /** Hash of block 0, 32 bytes: which chain this is. */
  readonly genesisHash: Uint8Array;
  /** Milliseconds per block. */
  readonly blockMs: number;
  /** The newest block seen; stands still while the chain is away. */
  head(): Head;
  /** Calls back with every new head, until the function returned is called. */
  onHead(listener: (head: Head) => void): () => void;
  metagraph(netuid: number): Promise<Metagraph>;
  nextEpochBlock(netuid: number): Promise<number>;
  /** The weights that stand on a subnet, and its rules about them. */
  subnetWeights(netuid: number): Promise<SubnetWeights>;
  /** What registering costs. */
  quoteRegistration(coldkey: Ss58, hotkey: Ss58, netuid: number): Promise<RegistrationQuote>;
  register(coldkey: Hotkey, hotkey: Ss58, netuid: number, priceMax?: bigint): Promise<{ uid: number }>;
  serveAxon(hotkey: Hotkey, axon: AxonAnnouncement): Promise<boolean>;
  /** Sets weights directly or commits to them, as the subnet demands. */
  setWeights(hotkey: Hotkey, netuid: number, weights: readonly Weight[], versionKey: number): Promise<WeightsOutcome>;
  isConnected(): boolean;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 30_000;
const REQUEST_TIMEOUT_MS = 20_000;
const BLOCK_MS_DEFAULT = 12_000;

/** Extensions of subtensor that add no bytes; unnamed, polkadot.js would warn about each. */
const NO_EFFECT = { extrinsic: {}, payload: {} };
const SIGNED_EXTENSIONS = {
  SudoTransactionExtension: NO_EFFECT,
  CheckShieldedTxValidity: NO_EFFECT,
  SubtensorTransactionExtension: NO_EFFECT,
  SubtensorSignedExtension: NO_EFFECT,
  CommitmentsSignedExtension: NO_EFFECT,
  DrandPriority: NO_EFFECT,
};

/**
 * Connects to the first address that answers, and waits until the chain is usable.
 *
 * @throws {BtstoreError} `chain` if none is within the time, with the last fault seen; `cancelled` if the signal aborts.
 */
export async function connectChain(options: ConnectOptions): Promise<Chain> {
  const { link, close } = await openLink(options);
  return {
    genesisHash: fromHex(link.api.genesisHash.toHex()),
    blockMs: link.blockMs,
    head: link.head,
    onHead: link.onHead,
    metagraph: (netuid) => readMetagraph(link, netuid),
    nextEpochBlock: (netuid) => readNextEpochBlock(link, netuid),
    subnetWeights: (netuid) => readSubnetWeights(link, netuid),
    quoteRegistration: (coldkey, hotkey, netuid) => quoteRegistration(link, coldkey, hotkey, netuid),
    register: (coldkey, hotkey, netuid, priceMax) => register(link, coldkey, hotkey, netuid, priceMax),
    serveAxon: (hotkey, axon) => serveAxon(link, hotkey, axon),
    setWeights: (hotkey, netuid, weights, versionKey) => setWeights(link, { hotkey, netuid, weights, versionKey, commitsFolder: options.commitsFolder ?? null }),
    isConnected: () => link.socket.isConnected,
    close,
  };
}

/** The connection alone, for this room and its tests. Throws as {@link connectChain}. */
export async function openLink(options: ConnectOptions): Promise<{ link: Link; close: () => Promise<void> }> {
  const { endpoints, log, signal, timeoutMs = CONNECT_TIMEOUT_MS, requestTimeoutMs = REQUEST_TIMEOUT_MS } = options;
  quietPolkadot(log);
  await cryptoReady();
  const socket = new ChainSocket({ endpoints, log, requestTimeoutMs });
  const api = new ApiPromise({ provider: socket, noInitWarn: true, throwOnConnect: false, signedExtensions: SIGNED_EXTENSIONS });
  api.isReadyOrError.catch(() => {});
  const action = `Cannot connect to the chain at ${endpoints.map((endpoint) => `"${endpoint}"`).join(", ")}`;
  const limits = { timeoutMs, ...(signal ? { signal } : {}) };
  try {
    const ready = new Promise<void>((resolve) => {
      api.on("ready", resolve);
      // What fails while polkadot.js starts is not tried again by it on the same socket.
      api.on("error", (error: unknown) => socket.reopen(cleanText(describeError(error))));
    });
    await socket.connect();
    await within(ready, action, "the chain's metadata", limits);
    const heads = new Heads(log);
    await within(heads.follow(api, socket), action, "the first block", limits);
    const link: Link = { api, socket, log, blockMs: blockMsOf(api), head: () => heads.newest, onHead: (listener) => heads.listen(listener) };
    return { link, close: () => api.disconnect() };
  } catch (error) {
    await api.disconnect();
    if (!(error instanceof BtstoreError) || error.code !== "chain") throw error;
    throw new BtstoreError("chain", `${error.message}; last: ${socket.lastFault}. Check --subtensor.network and --subtensor.chain_endpoint`, { cause: error });
  }
}

/** The newest block, and who wants to hear of it. */
class Heads {
  readonly #log: Log;
  readonly #listeners = new Set<(head: Head) => void>();
  #newest: Head | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Throws TypeError before {@link follow} has resolved. */
  get newest(): Head {
    if (this.#newest === null) throw new TypeError("head: expected a block to have been seen");
    return this.#newest;
  }

  listen(listener: (head: Head) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Subscribes; resolves with the first block. The socket renews the subscription after a drop. */
  follow(api: ApiPromise, socket: ChainSocket): Promise<void> {
    return new Promise((resolve, reject) => {
      const onHeader = (_error: Error | null, json: unknown) => {
        try {
          const header = api.registry.createType<Header>("Header", json);
          this.#tell({ number: header.number.toNumber(), hash: header.hash.toU8a() });
          resolve();
        } catch (error) {
          this.#log.debug("The chain sent a header that is none", { reason: cleanText(describeError(error)) });
        }
      };
      socket.subscribe("chain_newHead", "chain_subscribeNewHeads", [], onHeader).catch(reject);
    });
  }

  #tell(head: Head): void {
    this.#newest = head;
    for (const listener of [...this.#listeners]) {
      try {
        listener(head);
      } catch (error) {
        this.#log.error("A listener for new blocks failed", { reason: describeError(error) });
      }
    }
  }
}

/** `Aura.SlotDuration`, 250 ms on a fast localnet and 12,000 on finney. */
function blockMsOf(api: ApiPromise): number {
  const slot = Number(api.consts["aura"]?.["slotDuration"]?.toString());
  return slot >= 1 && slot <= 60_000 ? slot : BLOCK_MS_DEFAULT;
}
