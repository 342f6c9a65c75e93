/**
 * The embedded chain: a Substrate-compatible node of one process with the part of Subtensor that a subnet's miners,
 * validators and newcomers use. Unmodified clients connect to it over WebSocket as to any other.
 *
 * Real: metadata, SCALE, signatures, nonces, mortality, events, errors, epochs. Not real: tries and proofs, finality
 * by vote, weights of calls, alpha pools, the drand network (`drand.ts` stands in for it). State is in memory and gone when the chain stops.
 */
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { assertInteger, type Clock, systemClock, type Ss58 } from "../../core/mod.ts";
import { Blocks } from "./blocks.ts";
import { type GenesisOptions, genesisState } from "./genesis.ts";
import * as items from "./pallets/subtensor/storage.ts";
import { specVersionOf } from "./pallets/system.ts";
import { addressOf } from "./primitives.ts";
import { rpcMethods } from "./rpc.ts";
import { serveRpc } from "./server.ts";

export type { GenesisNeuron, GenesisSubnet } from "./genesis.ts";

export type ChainOptions = GenesisOptions & {
  /** Time from block to block in ms, 20 to 60,000. Roles read it from `Aura.SlotDuration`. */
  blockMs: number;
  /** Port on 127.0.0.1; any free one if left out. */
  port?: number;
  /** `manual` makes blocks only by `produceBlocks()`; `timer`, the default, by the clock as well. */
  sealing?: "timer" | "manual";
  clock?: Clock;
};

/** What a neuron looks like from outside the protocol, for tables and tests. */
export type NeuronView = {
  uid: number;
  hotkey: Ss58;
  hasValidatorPermit: boolean;
  /** 0 to 65,535. */
  incentive: number;
  /** 0 to 65,535. */
  dividends: number;
  /** Rao given out in the last epoch. */
  emission: bigint;
  /** As the chain keeps them: scaled so that the largest is 65,535. */
  weights: { uid: number; weight: number }[];
  lastUpdate: number;
};

export type DevnetChain = {
  /** `ws://127.0.0.1:<port>`. */
  url: string;
  port: number;
  head(): { number: number; hash: string };
  /** Makes blocks now, one block time apart. */
  produceBlocks(count: number): void;
  neurons(netuid: number): NeuronView[];
  /** Epochs the subnet has had. */
  epochCount(netuid: number): number;
  /** Lets the next block bring another runtime: the next version, or the one given. */
  upgradeRuntime(specVersion?: number): void;
  /** Ends every connection, as a node does that is started again; new ones are taken at once. */
  dropConnections(): void;
  stop(): Promise<void>;
};

/** Blocks made up for at once after a stall; older slots stay empty, as a real chain's do. */
const CATCH_UP_BLOCKS_MAX = 64;

/**
 * Starts a chain and its server.
 *
 * @throws {RangeError} If the block time is out of range.
 */
export async function startChain(options: ChainOptions): Promise<DevnetChain> {
  assertInteger(options.blockMs, 20, 60_000, "blockMs");
  await cryptoWaitReady();
  const { blockMs, clock = systemClock } = options;
  const blocks = new Blocks(genesisState(options, blockMs), blockMs);
  const server = serveRpc(rpcMethods(blocks), options.port ?? 0);

  /** The runtime that the next block brings. */
  let upgradeTo: number | null = null;
  /** Time of the head's slot. */
  let slotMs = Math.floor(clock.now() / blockMs) * blockMs;
  const produceNext = () => {
    slotMs += blockMs;
    blocks.produce(slotMs, upgradeTo);
    upgradeTo = null;
  };
  const stopped = new AbortController();
  if (options.sealing !== "manual") void seal();

  async function seal(): Promise<void> {
    // Counted on the clock that never goes back; slots keep their own times.
    let nextAt = clock.monotonic() + blockMs;
    while (!stopped.signal.aborted) {
      try {
        await clock.sleep(Math.max(0, nextAt - clock.monotonic()), stopped.signal);
      } catch {
        return;
      }
      for (let made = 0; nextAt <= clock.monotonic(); nextAt += blockMs) {
        if (made++ < CATCH_UP_BLOCKS_MAX) produceNext();
        else slotMs += blockMs;
      }
    }
  }

  return {
    url: `ws://127.0.0.1:${server.port}`,
    port: server.port,
    head: () => ({ number: blocks.head.header.number, hash: `0x${blocks.head.hash}` }),
    produceBlocks(count) {
      for (let i = 0; i < count; i++) produceNext();
    },
    neurons: (netuid) => neuronViews(blocks, netuid),
    epochCount: (netuid) => Number(items.SubnetEpochIndex.get(blocks.state, netuid)),
    upgradeRuntime: (specVersion = specVersionOf(blocks.state) + 1) => void (upgradeTo = specVersion),
    dropConnections: () => server.dropConnections(),
    async stop() {
      stopped.abort();
      await server.stop();
    },
  };
}

function neuronViews({ state }: Blocks, netuid: number): NeuronView[] {
  const permits = items.ValidatorPermit.get(state, netuid);
  const incentives = items.Incentive.get(state, netuid);
  const dividends = items.Dividends.get(state, netuid);
  const emissions = items.Emission.get(state, netuid);
  const updates = items.LastUpdate.get(state, netuid);
  return Array.from({ length: items.SubnetworkN.get(state, netuid) }, (_, uid) => ({
    uid,
    hotkey: addressOf(items.Keys.get(state, netuid, uid)),
    hasValidatorPermit: permits[uid]!,
    incentive: incentives[uid]!,
    dividends: dividends[uid]!,
    emission: emissions[uid]!,
    weights: items.Weights.get(state, netuid, uid).map(([to, weight]) => ({ uid: to, weight })),
    lastUpdate: Number(updates[uid]!),
  }));
}
