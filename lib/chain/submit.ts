/**
 * Sends one extrinsic and waits until it has happened: signed with the next free nonce, included in a block,
 * `System.ExtrinsicSuccess` and the pallet's own event seen there. Inclusion alone is no success (facts 3.12).
 */
import type { SubmittableExtrinsic } from "@polkadot/api/types";
import type { DispatchError, EventRecord } from "@polkadot/types/interfaces";
import type { Codec } from "@polkadot/types/types";
import { BtstoreError, concat, fromHex } from "../core/mod.ts";
import type { Hotkey } from "../wallet/mod.ts";
import { dispatchRefusal, isWorthSigningAgain, sendFault, ThrownOut } from "./errors.ts";
import { type Link, readStorage, toList } from "./link.ts";
import { within } from "./wait.ts";

/** First byte of a `MultiSignature` that is sr25519. */
const SR25519 = Uint8Array.of(1);

/** Blocks an extrinsic may take, and the least time for them, in milliseconds. */
const INCLUSION_BLOCKS = 10;
const INCLUSION_MS_MIN = 60_000;

/** Blocks until one is final, with those to be included; it takes three where all is well. */
const FINALITY_BLOCKS = 40;

/** Time to sign (three small requests) and to read what happened, in milliseconds. */
const STEP_TIMEOUT_MS = 30_000;

/** What is sent and how its success shows. */
export type Submission = {
  /** What fails if it fails: `Cannot set weights on subnet 1`. */
  readonly action: string;
  readonly signer: Hotkey;
  /** Encodes the call; asked again if it must be signed again. */
  readonly makeCall: () => SubmittableExtrinsic<"promise">;
  /** Name of the pallet's event, as `SubtensorModule.WeightsSet`. */
  readonly event: string;
  /** Whether to wait until no fork can undo it: for what is paid for. */
  readonly isFinal?: boolean;
};

/** The data of the pallet's event. */
export type Submitted = { readonly eventData: readonly Codec[] };

/**
 * Sends an extrinsic; see the file's comment. Signs again once if the runtime or the nonce changed meanwhile, also while the call waited in the pool. Those of
 * one signer go one after the other.
 *
 * @throws {BtstoreError} `chain_refused` or `not_registered` with the chain's reason in words; `chain` if the chain or the
 * connection was lost on the way, in which case the call may still have happened.
 */
export async function submit(link: Link, submission: Submission): Promise<Submitted> {
  const { ss58 } = submission.signer;
  const before = lastOf.get(link)?.get(ss58) ?? Promise.resolve();
  const mine = before.then(() => signAndSend(link, submission));
  const settled = mine.then(() => {}, () => {});
  lastOf.set(link, (lastOf.get(link) ?? new Map()).set(ss58, settled));
  return mine;
}

/** The last submission of each signer: two at once would ask for the same nonce. */
const lastOf = new WeakMap<Link, Map<string, Promise<void>>>();

async function signAndSend(link: Link, submission: Submission): Promise<Submitted> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await submitOnce(link, submission);
    } catch (error) {
      if (attempt > 0 || !isWorthSigningAgain(error)) throw sendFault(submission.action, error);
      link.log.debug("Signing an extrinsic again", { action: submission.action });
      await refreshRuntime(link, submission.action);
    }
  }
}

async function submitOnce(link: Link, { action, signer, makeCall, event, isFinal = false }: Submission): Promise<Submitted> {
  const call = makeCall();
  // The pool's answer: it counts what waits there, which the runtime's `AccountNonceApi` (polkadot.js's `nonce: -1`) does not.
  const nonce = await link.socket.send<number>("system_accountNextIndex", [signer.ss58]);
  const signed = await within(call.signAsync(pairOf(signer), { nonce }), action, "the block to sign the call for", { timeoutMs: STEP_TIMEOUT_MS });
  const hex = signed.toHex();
  const blockHash = await watch(link, hex, action, isFinal);
  const block = await link.socket.send("chain_getBlock", [blockHash]);
  const index = (block?.block?.extrinsics as unknown[] | undefined)?.indexOf(hex) ?? -1;
  if (index < 0) throw new BtstoreError("chain", "the block that should contain the call does not");
  const [events] = await readStorage(link, action, [["system", "events"]], fromHex(blockHash));
  const mine = (toList(events ?? null) as unknown as EventRecord[]).filter(({ phase }) => phase.isApplyExtrinsic && phase.asApplyExtrinsic.toNumber() === index).map((record) => record.event);
  const nameOf = (found: EventRecord["event"]) => `${found.section[0]!.toUpperCase()}${found.section.slice(1)}.${found.method}`;
  const failed = mine.find((found) => nameOf(found) === "System.ExtrinsicFailed");
  if (failed) throw dispatchRefusal(action, dispatchErrorName(link, failed.data[0] as unknown as DispatchError));
  const success = mine.find((found) => nameOf(found) === event);
  if (!success || !mine.some((found) => nameOf(found) === "System.ExtrinsicSuccess")) {
    throw new BtstoreError("chain_refused", `the call was included, but the chain reports no ${event}`);
  }
  await headReached(link, Number(block.block.header.number), action);
  return { eventData: [...success.data] };
}

/** Waits until our head has come to a block, so that what is read next shows what happened in it. */
async function headReached(link: Link, blockNumber: number, action: string): Promise<void> {
  let stop = () => {};
  const reached = new Promise<void>((resolve) => {
    const check = () => void (link.head().number >= blockNumber && resolve());
    stop = link.onHead(check);
    check();
  });
  try {
    await within(reached, action, `block ${blockNumber}, which includes the call`, { timeoutMs: STEP_TIMEOUT_MS });
  } finally {
    stop();
  }
}

/** Sends the extrinsic and resolves with the hash of the first block that includes it, or of the final one. */
async function watch(link: Link, hex: string, action: string, isFinal: boolean): Promise<string> {
  let subscriptionId: number | null = null;
  const timeoutMs = Math.max(INCLUSION_MS_MIN, (isFinal ? FINALITY_BLOCKS : INCLUSION_BLOCKS) * link.blockMs);
  try {
    const included = new Promise<string>((resolve, reject) => {
      const onStatus = (error: Error | null, status: unknown) => {
        if (error) return reject(error);
        if (typeof status === "string") {
          if (status === "dropped" || status === "invalid") reject(new ThrownOut(status));
          return;
        }
        const { inBlock, finalized, usurped } = (status ?? {}) as Record<string, unknown>;
        if (typeof finalized === "string") resolve(finalized);
        else if (typeof inBlock === "string" && !isFinal) resolve(inBlock);
        else if (usurped !== undefined) reject(new BtstoreError("chain_refused", "another call of the same key took its place; try again"));
      };
      link.socket.subscribe("author_extrinsicUpdate", "author_submitAndWatchExtrinsic", [hex], onStatus).then((id) => (subscriptionId = id), reject);
    });
    return await within(included, action, isFinal ? "a final block with the call" : "a block to include the call", { timeoutMs });
  } finally {
    if (subscriptionId !== null) void link.socket.unsubscribe("author_extrinsicUpdate", "author_unwatchExtrinsic", subscriptionId);
  }
}

/** Waits until polkadot.js has taken over a runtime that the chain already runs. */
async function refreshRuntime(link: Link, action: string): Promise<void> {
  const version = await link.socket.send("state_getRuntimeVersion", []);
  const isCurrent = () => link.api.runtimeVersion.specVersion.toNumber() === Number(version?.specVersion);
  const current = new Promise<void>((resolve) => {
    if (isCurrent()) return resolve();
    const onDecorated = () => {
      if (!isCurrent()) return;
      link.api.off("decorated", onDecorated);
      resolve();
    };
    link.api.on("decorated", onDecorated);
  });
  await within(current, action, "the metadata of the chain's new runtime", { timeoutMs: STEP_TIMEOUT_MS });
}

function dispatchErrorName(link: Link, error: DispatchError): string {
  if (error.isModule) return link.api.registry.findMetaError(error.asModule).name;
  return error.isToken ? error.asToken.type : error.type;
}

/** A hotkey as polkadot.js signs with one. */
function pairOf(signer: Hotkey) {
  return {
    address: signer.ss58,
    addressRaw: signer.publicKey,
    publicKey: signer.publicKey,
    sign: (message: Uint8Array, options?: { withType?: boolean }) => (options?.withType ? concat(SR25519, signer.sign(message)) : signer.sign(message)),
  } as unknown as Parameters<SubmittableExtrinsic<"promise">["signAsync"]>[0];
}

