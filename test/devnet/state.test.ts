import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HISTORY_BLOCKS, State } from "../../lib/devnet/chain/state.ts";

const bytes = (value: number) => Uint8Array.of(value);
const KEYS = ["aa00", "aa01", "ab00", "b000"];

describe("State", () => {
  test("reads at every block as it stood then, whatever was written, undone and deleted", () => {
    const step = fc.record({ key: fc.constantFrom(...KEYS), value: fc.option(fc.nat(255)), isUndone: fc.boolean() });
    fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 5 }), { maxLength: 12 }), (blocks) => {
        const state = new State();
        state.commit(0);
        const model: Map<string, number>[] = [new Map()];
        for (const [i, steps] of blocks.entries()) {
          const next = new Map(model.at(-1)!);
          for (const { key, value, isUndone } of steps) {
            const mark = state.mark();
            if (value === null) state.delete(key);
            else state.set(key, bytes(value));
            if (isUndone) state.rollback(mark);
            else if (value === null) next.delete(key);
            else next.set(key, value);
          }
          state.commit(i + 1);
          model.push(next);
        }
        for (const [block, expected] of model.entries()) {
          const reader = state.at(block);
          for (const key of KEYS) expect(reader.get(key)?.[0], `${key} at ${block}`).toBe(expected.get(key));
          expect(reader.keys("aa")).toEqual(["aa00", "aa01"].filter((key) => expected.has(key)));
        }
        expect(state.keys("")).toEqual(KEYS.filter((key) => model.at(-1)!.has(key)));
      }),
    );
  });

  test("tells which keys a block changed", () => {
    const state = new State();
    state.set("b000", bytes(1));
    state.set("aa00", bytes(1));
    state.set("b000", bytes(2));
    expect(state.commit(1)).toEqual(["aa00", "b000"]);
    expect(state.commit(2)).toEqual([]);
  });

  test("keeps exactly HISTORY_BLOCKS of the past", () => {
    const state = new State();
    for (let block = 0; block <= HISTORY_BLOCKS + 1; block++) {
      state.set("aa00", bytes(block % 251));
      state.commit(block);
    }
    const oldest = 1;
    expect(state.at(oldest + 1).get("aa00")?.[0]).toBe(oldest + 1);
    // Older values are gone: what is read there is the oldest one kept.
    expect(state.at(0).get("aa00")?.[0]).not.toBe(0);
  });
});
