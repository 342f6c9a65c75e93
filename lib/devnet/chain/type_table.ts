/** The metadata's list of types: every codec that the declarations reach, numbered, each once. */
import type { Codec } from "./scale.ts";

/** One type as the metadata describes it (`scale-info`'s portable form). */
export type TypeDefinition = {
  path?: string[];
  params?: { name: string; type: number }[];
  def: Record<string, unknown>;
};

/** Numbers types in the order they are first named. */
export class TypeTable {
  readonly #ids = new Map<Codec<any>, number>();
  readonly #definitions: (TypeDefinition | null)[] = [];

  /** The number of a codec's type. */
  idOf(codec: Codec<any>): number {
    const known = this.#ids.get(codec);
    if (known !== undefined) return known;
    // Numbered before it is described: a call may contain calls.
    const id = this.#definitions.push(null) - 1;
    this.#ids.set(codec, id);
    this.#definitions[id] = codec.define(this);
    return id;
  }

  /** All types, as the metadata lists them. */
  portable() {
    return this.#definitions.map((definition, id) => ({
      id,
      type: { path: definition!.path ?? [], params: definition!.params ?? [], def: definition!.def, docs: [] },
    }));
  }
}
