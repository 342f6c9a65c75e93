/** An embedded chain that makes blocks only when told, and an unmodified `ApiPromise` on it. */
import { ApiPromise, WsProvider } from "@polkadot/api";
import type { SubmittableExtrinsic, SignerOptions } from "@polkadot/api/types";
import { Keyring } from "@polkadot/keyring";
import type { KeyringPair } from "@polkadot/keyring/types";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import type { Ss58 } from "../../lib/core/mod.ts";
import { type ChainOptions, type DevnetChain, startChain } from "../../lib/devnet/mod.ts";

export const TAO = 1_000_000_000n;
export const BLOCK_MS = 1000;

export type Tx = SubmittableExtrinsic<"promise">;
export type Outcome = { events: string[]; error: string | null; values: Map<string, unknown> };

/** Key pairs of well-known development uris, and their addresses. */
export function key(uri: string): KeyringPair {
  return new Keyring({ type: "sr25519", ss58Format: 42 }).addFromUri(uri);
}
export const address = (uri: string) => key(uri).address as Ss58;

export type Client = {
  chain: DevnetChain;
  api: ApiPromise;
  provider: WsProvider;
  /** Signs and sends, makes a block, and tells what became of it: `section.method` of each event, and the dispatch error's name. */
  submit(tx: Tx, uri: string, options?: Partial<SignerOptions>): Promise<Outcome>;
  /** Signs and sends what must be refused; the refusal as `code: data`. */
  refusal(tx: Tx, uri: string, options?: Partial<SignerOptions>): Promise<string>;
  stop(): Promise<void>;
};

/** Starts the chain and connects to it. */
export async function startClient(options: Partial<ChainOptions> = {}): Promise<Client> {
  await cryptoWaitReady();
  const chain = await startChain({ blockMs: BLOCK_MS, sealing: "manual", ...options });
  const provider = new WsProvider(chain.url);
  const api = await ApiPromise.create({ provider, noInitWarn: true });
  const send = async (tx: Tx, uri: string, signing: Partial<SignerOptions> = {}) => {
    const signed = await tx.signAsync(key(uri), { nonce: -1, ...signing });
    return (await provider.send("author_submitExtrinsic", [signed.toHex()])) as string;
  };
  return {
    chain,
    api,
    provider,
    async submit(tx, uri, signing) {
      const hash = await send(tx, uri, signing);
      chain.produceBlocks(1);
      return outcomeOf(api, chain.head().hash, hash);
    },
    refusal: (tx, uri, signing) => send(tx, uri, signing).then(() => "accepted", refusalText),
    async stop() {
      const isGone = new Promise((resolve) => provider.on("disconnected", () => resolve(null)));
      await api.disconnect();
      await isGone;
      await chain.stop();
    },
  };
}

/** A refusal as `code: data`. */
export function refusalText(error: unknown): string {
  const { code, data, message } = error as { code?: number; data?: string; message: string };
  return `${code}: ${data ?? message}`;
}

async function outcomeOf(api: ApiPromise, blockHash: string, extrinsicHash: string): Promise<Outcome> {
  const { block } = await api.rpc.chain.getBlock(blockHash);
  const index = block.extrinsics.findIndex(({ hash }) => hash.toHex() === extrinsicHash);
  if (index < 0) throw new Error(`Block ${blockHash} does not hold ${extrinsicHash}`);
  const records = await (await api.at(blockHash)).query.system!.events!() as unknown as Iterable<any>;
  const outcome: Outcome = { events: [], error: null, values: new Map() };
  for (const { phase, event } of records) {
    if (!phase.isApplyExtrinsic || phase.asApplyExtrinsic.toNumber() !== index) continue;
    const name = `${event.section}.${event.method}`;
    outcome.events.push(name);
    outcome.values.set(name, event.data.toJSON());
    if (event.method === "ExtrinsicFailed") outcome.error = errorName(api, event.data[0]);
  }
  return outcome;
}

function errorName(api: ApiPromise, error: any): string {
  if (error.isModule) {
    const { section, name } = api.registry.findMetaError(error.asModule);
    return `${section}.${name}`;
  }
  return error.isToken ? error.asToken.type : error.type;
}
