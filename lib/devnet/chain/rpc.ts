/** The JSON-RPC methods of a Substrate node that clients of this chain use, over one `Blocks`. */
import { fromHex, type Ss58, toHex } from "../../core/mod.ts";
import { callApi } from "./apis.ts";
import type { Block, Blocks } from "./blocks.ts";
import { partialFee } from "./executive.ts";
import { decodeExtrinsic, type Extrinsic } from "./extrinsic.ts";
import { encodeMetadata } from "./metadata.ts";
import { specVersionOf } from "./pallets/system.ts";
import type { Status } from "./pool.ts";
import { accountOf, type Hash } from "./primitives.ts";
import { DecodeError } from "./scale.ts";
import type { StateReader } from "./state.ts";
import { runtimeVersion } from "./version.ts";

/** What goes wrong with a request, as JSON-RPC reports it. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: number;
  readonly data: string | undefined;

  constructor(code: number, message: string, data?: string) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** One connection's way to be told things later. */
export interface Session {
  /**
   * Opens a subscription. `start` begins it and returns what ends it; `notify` sends one result under `method`.
   *
   * @returns The subscription's id.
   */
  subscribe(method: string, start: (notify: (result: unknown) => void) => () => void): string;
  /** Ends one of this connection's subscriptions; false if there is none of that id. */
  unsubscribe(id: string): boolean;
}

export type Method = (params: readonly unknown[], session: Session) => unknown;

/** Keys in one storage request. */
const KEYS_MAX = 4096;
/** Keys one page may list, as on a real node. */
const PAGE_MAX = 1000;

/** Makes the methods of a chain. */
export function rpcMethods(blocks: Blocks): ReadonlyMap<string, Method> {
  const metadataCache = new Map<string, Uint8Array | null>();
  /** The metadata of a version, 14 or 15, as the runtime of a state declares it. */
  const metadataAt = (state: StateReader) => (version: number) => {
    const specVersion = specVersionOf(state);
    const key = `${specVersion}:${version}`;
    if (!metadataCache.has(key) && version < 100) metadataCache.set(key, encodeMetadata(version, { blockMs: blocks.blockMs, specVersion }));
    return metadataCache.get(key) ?? null;
  };

  const blockAt = (at: unknown): Block => {
    if (at === undefined || at === null) return blocks.head;
    const block = blocks.byHash(hexParam(at, 32) as Hash);
    if (!block) throw new RpcError(4003, "Client error: UnknownBlock: State already discarded or block not known");
    return block;
  };
  const knownBlock = (at: unknown): Block | null => (at === undefined || at === null ? blocks.head : blocks.byHash(hexParam(at, 32) as Hash));
  const read = (key: string, block: Block) => prefixed(blocks.stateAt(block).get(key));
  const submit = (bytes: unknown, watcher?: (status: Status) => void) => {
    const extrinsic = parseExtrinsic(bytes);
    return { extrinsic, stop: blocks.submit(extrinsic, watcher) };
  };
  const headers = (method: string, which: "head" | "finalized"): Method => (_params, session) =>
    session.subscribe(method, (notify) => {
      const listener = () => notify(headerJson(blocks[which]));
      listener();
      blocks.listeners.add(listener);
      return () => blocks.listeners.delete(listener);
    });
  const unsubscribe: Method = ([id], session) => session.unsubscribe(String(id));
  const versionAt: Method = ([at]) => versionJson(specVersionOf(blocks.stateAt(blockAt(at))));

  const methods: Record<string, Method> = {
    system_name: () => "btstore devnet",
    system_version: () => "0.1.0",
    system_chain: () => "btstore devnet",
    system_chainType: () => "Development",
    system_properties: () => ({ isEthereum: false, ss58Format: 42, tokenDecimals: 9, tokenSymbol: "TAO" }),
    system_health: () => ({ peers: 0, isSyncing: false, shouldHavePeers: false }),
    system_accountNextIndex: ([address]) => blocks.pool.nextNonce(blocks.state, accountParam(address)),

    chain_getBlockHash: ([number]) => (Array.isArray(number) ? number.slice(0, PAGE_MAX).map((one) => blockHash(blocks, one)) : blockHash(blocks, number)),
    chain_getHeader: ([at]) => headerJson(knownBlock(at)),
    chain_getBlock: ([at]) => {
      const block = knownBlock(at);
      return block && { block: { header: headerJson(block), extrinsics: block.extrinsics.map(prefixed) }, justifications: null };
    },
    chain_getFinalizedHead: () => `0x${blocks.finalized.hash}`,
    chain_subscribeNewHeads: headers("chain_newHead", "head"),
    chain_subscribeAllHeads: headers("chain_allHead", "head"),
    chain_subscribeFinalizedHeads: headers("chain_finalizedHead", "finalized"),
    chain_unsubscribeNewHeads: unsubscribe,
    chain_unsubscribeAllHeads: unsubscribe,
    chain_unsubscribeFinalizedHeads: unsubscribe,

    state_getRuntimeVersion: versionAt,
    state_subscribeRuntimeVersion: (_params, session) =>
      session.subscribe("state_runtimeVersion", (notify) => {
        let told: number | null = null;
        const listener = () => {
          const specVersion = specVersionOf(blocks.state);
          if (specVersion !== told) notify(versionJson(specVersion));
          told = specVersion;
        };
        listener();
        blocks.listeners.add(listener);
        return () => blocks.listeners.delete(listener);
      }),
    state_unsubscribeRuntimeVersion: unsubscribe,
    state_getMetadata: ([at]) => prefixed(metadataAt(blocks.stateAt(blockAt(at)))(14)!),
    state_call: ([name, data, at]) => {
      const block = blockAt(at);
      const state = blocks.stateAt(block);
      const context = { state, blockNumber: block.header.number, blockMs: blocks.blockMs, metadata: metadataAt(state) };
      const result = callApi(context, String(name).slice(0, 128), fromHex(hexParam(data)));
      if (!result) throw new RpcError(4003, "Client error: Execution failed: Exported method is not found");
      return prefixed(result);
    },
    state_getStorage: ([key, at]) => read(hexParam(key), blockAt(at)),
    state_getStorageSize: ([key, at]) => blocks.stateAt(blockAt(at)).get(hexParam(key))?.length ?? null,
    state_getKeysPaged: ([prefix, count, startKey, at]) => {
      const keys = blocks.stateAt(blockAt(at)).keys(prefix === null || prefix === undefined ? "" : hexParam(prefix));
      const after = startKey === null || startKey === undefined ? "" : hexParam(startKey);
      if (typeof count !== "number" || !(count <= PAGE_MAX)) throw new RpcError(-32602, `count exceeds maximum value. value: ${String(count).slice(0, 20)}, max: ${PAGE_MAX}`);
      return keys.filter((key) => key > after).slice(0, count).map((key) => `0x${key}`);
    },
    state_queryStorageAt: ([keys, at]) => {
      const block = blockAt(at);
      return [{ block: `0x${block.hash}`, changes: keysParam(keys).map((key) => [`0x${key}`, read(key, block)]) }];
    },
    state_subscribeStorage: ([list], session) => {
      const keys = keysParam(list);
      return session.subscribe("state_storage", (notify) => {
        const tell = (block: Block, wanted: string[]) => notify({ block: `0x${block.hash}`, changes: wanted.map((key) => [`0x${key}`, read(key, block)]) });
        const listener = (block: Block, changed: ReadonlySet<string>) => {
          const wanted = keys.filter((key) => changed.has(key));
          if (wanted.length > 0) tell(block, wanted);
        };
        tell(blocks.head, keys);
        blocks.listeners.add(listener);
        return () => blocks.listeners.delete(listener);
      });
    },
    state_unsubscribeStorage: unsubscribe,

    author_submitExtrinsic: ([bytes]) => `0x${submit(bytes).extrinsic.hash}`,
    author_submitAndWatchExtrinsic: ([bytes], session) => {
      // In the pool first, so that a refusal is the answer to the request itself.
      const early: Status[] = [];
      let deliver = (status: Status): void => void early.push(status);
      const { stop } = submit(bytes, (status) => deliver(status));
      return session.subscribe("author_extrinsicUpdate", (notify) => {
        for (const status of early) notify(status);
        deliver = notify;
        return stop;
      });
    },
    author_unwatchExtrinsic: unsubscribe,
    author_pendingExtrinsics: () => blocks.pool.pending().map(({ bytes }) => prefixed(bytes)),

    payment_queryInfo: ([bytes]) => {
      const extrinsic = parseExtrinsic(bytes);
      return { weight: { ref_time: 0, proof_size: 0 }, class: "normal", partialFee: partialFee(extrinsic).toString() };
    },
  };
  methods.chain_getHead = methods.chain_getBlockHash!;
  methods.chain_subscribeNewHead = methods.chain_subscribeNewHeads!;
  methods.chain_getRuntimeVersion = versionAt;
  methods.rpc_methods = () => ({ methods: Object.keys(methods).sort() });
  return new Map(Object.entries(methods));
}

const prefixed = <T extends Uint8Array | undefined>(bytes: T) => (bytes === undefined ? null : `0x${toHex(bytes)}`);

function blockHash(blocks: Blocks, number: unknown): string | null {
  if (number === undefined || number === null) return `0x${blocks.head.hash}`;
  const index = typeof number === "string" ? Number(number) : number;
  const block = typeof index === "number" && Number.isSafeInteger(index) ? blocks.byNumber(index) : null;
  return block && `0x${block.hash}`;
}

function headerJson(block: Block | null) {
  if (!block) return null;
  const { parent_hash, number, state_root, extrinsics_root } = block.header;
  return { parentHash: `0x${parent_hash}`, number: `0x${number.toString(16)}`, stateRoot: `0x${state_root}`, extrinsicsRoot: `0x${extrinsics_root}`, digest: { logs: [] } };
}

function versionJson(specVersion: number) {
  const version = runtimeVersion(specVersion);
  return {
    specName: version.spec_name,
    implName: version.impl_name,
    authoringVersion: version.authoring_version,
    specVersion: version.spec_version,
    implVersion: version.impl_version,
    apis: version.apis.map(([id, number]) => [`0x${toHex(id)}`, number]),
    transactionVersion: version.transaction_version,
    systemVersion: version.system_version,
    stateVersion: version.system_version,
  };
}

function parseExtrinsic(param: unknown): Extrinsic {
  const bytes = fromHex(hexParam(param));
  try {
    return decodeExtrinsic(bytes);
  } catch (error) {
    if (error instanceof DecodeError) throw new RpcError(1001, "Extrinsic has invalid format", error.message);
    throw error;
  }
}

/** A hex parameter without its prefix, lower case. */
function hexParam(value: unknown, length?: number): string {
  if (typeof value !== "string" || value.length % 2 !== 0 || !/^0x[0-9a-fA-F]*$/.test(value)) throw new RpcError(-32602, "Invalid params: expected 0x-prefixed hex");
  if (length !== undefined && value.length !== 2 + 2 * length) throw new RpcError(-32602, `Invalid params: expected ${length} bytes`);
  return value.slice(2).toLowerCase();
}

function keysParam(value: unknown): string[] {
  if (!Array.isArray(value) || value.length > KEYS_MAX) throw new RpcError(-32602, `Invalid params: expected at most ${KEYS_MAX} keys`);
  return value.map((key) => hexParam(key));
}

function accountParam(value: unknown) {
  try {
    return accountOf(String(value).slice(0, 100) as Ss58);
  } catch {
    throw new RpcError(-32602, "Invalid params: expected an address");
  }
}

