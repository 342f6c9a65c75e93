/** One miner as this validator sees it: where it is, what it declared, how fast its line is, what was opened this hour. */
import { type Clock, type Ss58, type Windows } from "../core/mod.ts";
import { type Ledger, type RandomBytes, type StandingDeclaration, UnitCheckDraw, deadline, declaredGeometry } from "../audit/mod.ts";
import type { Peer as Address } from "../wire/mod.ts";

/** Recent pings: the smallest of the last sixteen is added to the deadline. */
const ROUND_TRIPS_KEPT = 16;

export class Peer {
  readonly hotkey: Ss58;
  readonly ledger: Ledger;
  readonly draw: UnitCheckDraw;
  /** Present uid; looked up anew with every metagraph. */
  uid: number;
  address: Address;
  /** Ends the loops of this peer. */
  readonly stop = new AbortController();
  /** It left the subnet: what it owes is booked as silence. */
  hasLeft = false;
  /** Monotonic moment of the last signed answer of any kind; null before the first. */
  answeredAtMs: number | null = null;
  #standing: StandingDeclaration | null;
  #roundTrips: number[] = [];
  readonly #owed = new Set<Promise<void>>();

  constructor(hotkey: Ss58, uid: number, address: Address, ledger: Ledger, clock: Clock, windows: Windows, random: RandomBytes, firstHour: number) {
    this.hotkey = hotkey;
    this.uid = uid;
    this.address = address;
    this.ledger = ledger;
    this.#standing = ledger.current();
    // The first hour began a random while ago, so that nobody can tell when an hour's check falls; a restart goes on with it.
    this.draw = new UnitCheckDraw(random, windows, ledger.loadDraw() ?? clock.now() - firstHour * windows.hourMs);
  }

  /** The declaration in force; null before the first. */
  get standing(): StandingDeclaration | null {
    return this.#standing;
  }

  /** Reads the declaration in force from the ledger again. */
  refresh(): void {
    this.#standing = this.ledger.current();
  }

  /** Bytes declared now. */
  get declaredBytes(): number {
    return this.#standing === null ? 0 : declaredGeometry(this.#standing.declaration).byteLength;
  }

  /** What a hop answer may take now, in milliseconds. */
  get deadlineMs(): number {
    return deadline(this.#roundTrips);
  }

  /** Takes in one ping, in milliseconds. */
  addRoundTrip(elapsedMs: number): void {
    this.#roundTrips.push(elapsedMs);
    if (this.#roundTrips.length > ROUND_TRIPS_KEPT) this.#roundTrips.shift();
  }

  /** Remembers work that still uses the ledger. */
  owe(work: Promise<void>): void {
    this.#owed.add(work);
    void work.finally(() => this.#owed.delete(work));
  }

  /** Resolves when nothing uses the ledger any more. */
  async settled(): Promise<void> {
    while (this.#owed.size > 0) await Promise.allSettled(this.#owed);
  }
}
