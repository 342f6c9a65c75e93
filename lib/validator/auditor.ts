/**
 * Audits one miner at a time per pair, and books what comes of it: audits, declarations, pings and unit checks.
 *
 * Each method is one act; when they happen is `mod.ts`. Nothing here throws for what a peer does.
 */
import { BtstoreError, type Clock, type Log, type Windows, describeError } from "../core/mod.ts";
import {
  type Notice, type OpenedPiece, type RandomBytes, type StandingDeclaration, type Transcript, type Verdict,
  type ComputeUnit, type ConfirmTag, checkUnit, uniform, decodeSignedDeclaration, encodeHopAnswer, encodeNotice, newAudit, openDeclaration,
} from "../audit/mod.ts";
import { sealSeed, unitSpec } from "../space/mod.ts";
import { type Hotkey, verifySignature } from "../wallet/mod.ts";
import { type Dendrite, PROTOCOL_VERSION, decodePing } from "../wire/mod.ts";
import { askHops, askOpenings } from "./exchange.ts";
import type { Peer } from "./peer.ts";

export type AuditorOptions = {
  hotkey: Hotkey;
  netuid: number;
  genesisHash: Uint8Array;
  dendrite: Dendrite;
  /** Recomputes a unit: the native core. */
  computeUnit: ComputeUnit;
  /** Confirms a difference; @noble if missing. */
  confirmTag?: ConfirmTag;
  clock: Clock;
  windows: Windows;
  random: RandomBytes;
  log: Log;
  /** Whether anything but this peer could be reached lately: if not, our own line is down. */
  isNetworkAlive(but: Peer): boolean;
};

/** How the timed half of an audit ended: whether to repeat it within five seconds, and when it will be booked whole. */
export type AuditTurn = { readonly again: boolean; readonly booked: Promise<void> };

const CALL_MS = 10_000;
/** A notice goes out within this many protocol hours. */
const NOTICE_HOURS = 4;
const EMPTY = new Uint8Array(0);
const SILENT: NonNullable<Awaited<ReturnType<typeof askOpenings>>> = { picks: [], body: null, result: { verdict: { kind: "fail", fault: "silent", place: null }, opened: [] } };
const NOTHING: AuditTurn = { again: false, booked: Promise.resolve() };

export class Auditor {
  readonly #options: AuditorOptions;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  /** Measures one round trip. */
  async ping(peer: Peer, signal: AbortSignal): Promise<void> {
    const { dendrite, clock, log } = this.#options;
    const outcome = await dendrite.call(peer.address, "Ping", EMPTY, { timeoutMs: CALL_MS, signal });
    if (outcome.kind === "refused" && outcome.reason === "CallerOutdated") {
      log.warn("A miner speaks a newer protocol: upgrade this validator's btstore", { miner: peer.hotkey });
    }
    if (outcome.kind !== "ok") return;
    const version = decodePing(outcome.body);
    if (version !== PROTOCOL_VERSION) log.debug("A miner's ping names another version of the protocol", { miner: peer.hotkey, version: version ?? "none", ours: PROTOCOL_VERSION });
    peer.addRoundTrip(outcome.elapsedMs);
    peer.answeredAtMs = clock.monotonic();
  }

  /** Fetches the miner's declaration and takes it if it is new and allowed. */
  async collect(peer: Peer, signal: AbortSignal): Promise<void> {
    const { dendrite, clock, log, hotkey, netuid, genesisHash } = this.#options;
    const outcome = await dendrite.call(peer.address, "Declaration", EMPTY, { timeoutMs: CALL_MS, signal });
    if (outcome.kind !== "ok") {
      log.trace("A miner gave no declaration", { miner: peer.hotkey, outcome: outcome.kind, reason: outcome.kind === "refused" ? outcome.reason : "" });
      return;
    }
    peer.answeredAtMs = clock.monotonic();
    const signed = decodeSignedDeclaration(outcome.body);
    if (signed && peer.ledger.isInForce(signed)) return;
    const opened = signed && openDeclaration(signed, { netuid, genesisHash, miner: peer.hotkey, validator: hotkey.ss58 }, verifySignature);
    if (!signed || opened?.kind !== "ok") {
      log.warn("A declaration is not taken", { miner: peer.hotkey, reason: opened?.kind === "refused" ? opened.fault : "malformed" });
      return;
    }
    const taken = peer.ledger.accept(signed, opened.declaration, clock.now());
    if (taken === "accepted") {
      peer.refresh();
      log.info("A miner declares its space", { miner: peer.hotkey, serial: opened.declaration.serial, units: opened.declaration.unitCount, sectors: opened.declaration.roots.length });
    } else log.debug("A declaration is not taken", { miner: peer.hotkey, reason: taken });
  }

  /**
   * Runs one audit. Resolves when the pair is free again.
   *
   * @param peer Must have declared at least one unit, else nothing happens.
   */
  async audit(peer: Peer, signal: AbortSignal): Promise<AuditTurn> {
    const { dendrite, random, clock } = this.#options;
    const standing = peer.standing;
    if (standing === null || standing.declaration.unitCount === 0) return NOTHING;
    const at = clock.now();
    const request = newAudit(random, standing.digest);
    const { deadlineMs } = peer;
    const hops = await askHops(dendrite, peer.address, request, deadlineMs, signal);
    if (hops.kind === "cancelled") return NOTHING;
    const base = { at, declaration: standing.signed, nonce: request.nonce, elapsedMs: hops.elapsedMs, deadlineMs };
    if (hops.kind === "verdict") {
      const verdict: Verdict = hops.verdict.kind === "offline" && !this.#options.isNetworkAlive(peer) ? { kind: "unknown" } : hops.verdict;
      const elapsedMs = hops.body === null ? null : hops.elapsedMs;
      peer.ledger.recordAudit({ at, verdict, elapsedMs, transcript: { ...base, hopAnswer: hops.body, picks: [], openings: null, verdict } });
      this.#tell(peer, verdict, elapsedMs);
      return { ...NOTHING, again: hops.verdict.kind === "unknown" };
    }
    peer.answeredAtMs = clock.monotonic();
    const id = peer.ledger.beginAudit({ at, elapsedMs: hops.elapsedMs });
    return { again: false, booked: this.#finish(peer, standing, request, hops.hopAnswer, id, base, signal) };
  }

  /**
   * Takes this hour's piece, if the hour is over, and compares it with its recomputed unit.
   *
   * @param now Wall clock in milliseconds by which the hour is over or not.
   */
  async checkUnit(peer: Peer, now: number, signal: AbortSignal): Promise<void> {
    const opened = peer.draw.take(now);
    if (opened === null) return;
    // Of a sector known to be bad nothing more is to be learned.
    if (!peer.ledger.hasMismatch(opened.root)) await this.#compare(peer, opened, signal);
    // Kept after the check: a crash in between repeats it rather than losing it.
    if (!signal.aborted) peer.ledger.saveDraw(peer.draw.state);
  }

  /** The openings, the verdict on bytes, the book, and this hour's draw. */
  async #finish(
    peer: Peer, standing: StandingDeclaration, request: Parameters<typeof askOpenings>[3], hopAnswer: Parameters<typeof askOpenings>[4], id: number,
    base: Pick<Transcript, "at" | "declaration" | "nonce" | "elapsedMs" | "deadlineMs">, signal: AbortSignal,
  ): Promise<void> {
    const { dendrite, random, clock, windows, log } = this.#options;
    try {
      const asked = await askOpenings(dendrite, peer, standing, request, hopAnswer, { random, clock, windows, signal });
      // Our own end says nothing about the miner, and the ledger knows what is pending; but one that leaves the subnet instead is silent.
      if (asked === null && !peer.hasLeft) return;
      const { picks, body, result } = asked ?? SILENT;
      const transcript: Transcript = { ...base, hopAnswer: encodeHopAnswer(hopAnswer), picks, openings: body, verdict: result.verdict };
      peer.draw.offer(result.opened);
      peer.ledger.finishAudit(id, result.verdict, transcript, peer.draw.state);
      this.#tell(peer, result.verdict, base.elapsedMs);
    } catch (error) {
      log.error("Booking an audit failed", { miner: peer.hotkey, reason: describeError(error) });
    }
  }

  /** Says how an audit ended; misses are for the operator to see. */
  #tell(peer: Peer, verdict: Verdict, elapsedMs: number | null): void {
    const facts = { miner: peer.hotkey, verdict: verdict.kind, elapsedMs: elapsedMs === null ? null : Math.round(elapsedMs) };
    if (verdict.kind === "pass" || verdict.kind === "unknown") return this.#options.log.debug("Audit", facts);
    if (verdict.kind !== "fail") return this.#options.log.warn("Audit missed", facts);
    this.#options.log.warn("Audit missed", { ...facts, fault: verdict.fault, hop: verdict.place?.hop ?? null, stripe: verdict.place?.stripeIndex ?? null });
  }

  async #compare(peer: Peer, opened: OpenedPiece, signal: AbortSignal): Promise<void> {
    const { hotkey, netuid, computeUnit, confirmTag, clock, log } = this.#options;
    // A sector withdrawn meanwhile is checked all the same: else withdrawing in time would escape every check.
    const spec = unitSpec(sealSeed(peer.hotkey, hotkey.ss58), netuid, opened.unitIndex, opened.chunksPerUnit);
    const result = await checkUnit(opened, spec, computeUnit, confirmTag);
    // The ledger may be closed by now.
    if (signal.aborted) return;
    const { root, unitIndex, pieceIndex } = opened;
    if (result === "unsure") {
      throw new BtstoreError("memory", `Cannot check unit ${unitIndex} of ${peer.hotkey}: this machine computes the same unit differently twice; check its memory`);
    }
    const isFirst = peer.ledger.recordUnitCheck({ at: clock.now(), root, unitIndex, pieceIndex, isMatch: result === "match" });
    if (result === "match") return log.debug("A unit is the declared filler", { miner: peer.hotkey, unit: unitIndex });
    log.warn("A unit is not the declared filler", { miner: peer.hotkey, unit: unitIndex, piece: pieceIndex, isFirst });
    if (isFirst) void this.#notify(peer, { root, unitIndex, pieceIndex }, signal);
  }

  /** Tells the miner, some hours later: at once it would tell when its hour's check falls. */
  async #notify(peer: Peer, notice: Notice, signal: AbortSignal): Promise<void> {
    const { dendrite, random, clock, windows } = this.#options;
    const stop = AbortSignal.any([signal, peer.stop.signal]);
    try {
      await clock.sleep(NOTICE_HOURS * windows.hourMs * uniform(random), stop);
      await dendrite.call(peer.address, "Notice", encodeNotice(notice), { timeoutMs: CALL_MS, signal: stop });
    } catch {
      // It is a courtesy; the books have it.
    }
  }
}
