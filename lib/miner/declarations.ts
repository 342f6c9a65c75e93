/**
 * What this miner declares to one validator, and for how long it still answers under what it declared before.
 *
 * A declaration is made when the sealed sectors changed, at most every ten protocol minutes (DESIGN section 5); it is
 * recorded before it is handed out, so that its serial never comes twice. Audits are answered under the declaration they
 * name for twenty protocol minutes after a newer one.
 */
import type { Clock, Ss58, Windows } from "../core/mod.ts";
import { equalBytes } from "../core/mod.ts";
import { type Declaration, type SignedDeclaration, declarationDigest, declarationMessage, declaredGeometry, decodeDeclaration, decodeSignedDeclaration, encodeDeclaration, encodeSignedDeclaration } from "../audit/mod.ts";
import type { Hotkey } from "../wallet/mod.ts";

/** A declaration as the partition's hashes file keeps it: `bytes` is `encodeSignedDeclaration`. */
type KeptDeclaration = { readonly serial: number; readonly bytes: Uint8Array; readonly createdMs: number };

/** What is needed of a partition. */
export interface DeclaredPartition {
  readonly validator: Ss58;
  /** The leading sealed sectors: units, r and roots. */
  declared(): { unitCount: number; chunksPerUnit: number; roots: readonly Uint8Array[] };
  /** Kept declarations, newest first. */
  declarations(): readonly KeptDeclaration[];
  /** Takes the next serial, larger than any before even if the records were lost. */
  nextSerial(nowMs: number): number;
  /** Keeps one durably, and the few before it. */
  saveDeclaration(kept: KeptDeclaration): void;
}

/** Least time between two declarations, in protocol minutes. */
const MIN_INTERVAL_MINUTES = 10;
/** For how long after a newer one a declaration is still answered, in protocol minutes. */
const ANSWERED_MINUTES = 20;

export class Declarations {
  readonly #partition: DeclaredPartition;
  readonly #hotkey: Hotkey;
  readonly #network: { netuid: number; genesisHash: Uint8Array };
  readonly #clock: Clock;
  readonly #windows: Windows;
  /** Digests of the kept declarations, newest first. */
  #known: Known[];

  constructor(partition: DeclaredPartition, hotkey: Hotkey, network: { netuid: number; genesisHash: Uint8Array }, clock: Clock, windows: Windows) {
    this.#partition = partition;
    this.#hotkey = hotkey;
    this.#network = network;
    this.#clock = clock;
    this.#windows = windows;
    this.#known = partition.declarations().flatMap(known);
  }

  /** The declaration in force: a new one if the sealed sectors changed and one is allowed, else the newest; null before anything is sealed. */
  current(): SignedDeclaration | null {
    const newest = this.#known[0];
    if (!newest && this.#partition.declared().unitCount === 0) return null;
    if (newest && (this.#isStill(newest.declaration) || this.#isRecent(newest.createdMs))) return newest.signed;
    return this.#declare();
  }

  /** Bytes declared now. */
  get byteCount(): number {
    const newest = this.#known[0]?.declaration;
    return newest ? declaredGeometry(newest).byteLength : 0;
  }

  /** Whether a kept declaration names this root and reaches this unit: notices come hours after the audit they speak of. */
  names(root: Uint8Array, unitIndex: number): boolean {
    return this.#known.some(({ declaration: { unitCount, roots } }) => unitIndex < unitCount && roots.some((each) => equalBytes(each, root)));
  }

  /** The declaration of a digest, if it is in force or was until twenty protocol minutes ago. */
  find(digest: Uint8Array): Declaration | null {
    const oldestMs = this.#clock.now() - ANSWERED_MINUTES * this.#windows.minuteMs;
    const index = this.#known.findIndex((kept) => equalBytes(kept.digest, digest));
    if (index < 0) return null;
    // A declaration's time is over twenty minutes after its successor was made.
    return index === 0 || this.#known[index - 1]!.createdMs >= oldestMs ? this.#known[index]!.declaration : null;
  }

  #declare(): SignedDeclaration {
    const { validator } = this.#partition;
    const createdMs = this.#clock.now();
    const serial = this.#partition.nextSerial(createdMs);
    const { unitCount, chunksPerUnit, roots } = this.#partition.declared();
    const bytes = encodeDeclaration({ ...this.#network, miner: this.#hotkey.ss58, validator, serial, unitCount, chunksPerUnit, roots });
    const signed = { bytes, signature: this.#hotkey.sign(declarationMessage(bytes)) };
    this.#partition.saveDeclaration({ serial, bytes: encodeSignedDeclaration(signed), createdMs });
    this.#known = this.#partition.declarations().flatMap(known);
    return signed;
  }

  /** Whether it is too early for another; a wall clock that was set back holds nothing up. */
  #isRecent(createdMs: number): boolean {
    const ageMs = this.#clock.now() - createdMs;
    return ageMs >= 0 && ageMs < MIN_INTERVAL_MINUTES * this.#windows.minuteMs;
  }

  #isStill(declaration: Declaration): boolean {
    const { unitCount, chunksPerUnit, roots } = this.#partition.declared();
    return (
      declaration.netuid === this.#network.netuid && equalBytes(declaration.genesisHash, this.#network.genesisHash) &&
      declaration.unitCount === unitCount && declaration.chunksPerUnit === chunksPerUnit &&
      declaration.roots.every((root, i) => equalBytes(root, roots[i]!))
    );
  }
}

type Known = { readonly digest: Uint8Array; readonly declaration: Declaration; readonly signed: SignedDeclaration; readonly createdMs: number };

/** A kept declaration, read; none if it is no longer readable. */
function known({ bytes, createdMs }: KeptDeclaration): Known[] {
  const signed = decodeSignedDeclaration(bytes);
  const declaration = signed && decodeDeclaration(signed.bytes);
  return signed && declaration ? [{ digest: declarationDigest(signed.bytes), declaration, signed, createdMs }] : [];
}
