import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Ss58 } from "../../lib/core/mod.ts";
import { earliestNonceMs, ReplayStore } from "../../lib/wire/replay.ts";
import { plain, validator } from "./fixture.ts";

const alice = validator.ss58;
const charlie = plain.ss58;

describe("ReplayStore", () => {
  test("takes a pair once, and the same nonce from another hotkey", () => {
    const store = new ReplayStore({ pairsMax: 10, pairsPerHotkeyMax: 10 }, 0);
    expect(store.has(alice, 1n)).toBe(false);
    expect(store.record(alice, 1n, 0)).toBe("recorded");
    expect(store.has(alice, 1n)).toBe(true);
    expect(store.record(alice, 1n, 59_999)).toBe("replayed");
    expect(store.record(charlie, 1n, 0)).toBe("recorded");
  });

  test("refuses rather than forgets when one hotkey's share is full, and leaves others theirs", () => {
    const store = new ReplayStore({ pairsMax: 10, pairsPerHotkeyMax: 3 }, 0);
    for (const nonce of [1n, 2n, 3n]) expect(store.record(alice, nonce, 0)).toBe("recorded");
    expect(store.record(alice, 4n, 59_999)).toBe("full");
    expect(store.record(alice, 1n, 59_999)).toBe("replayed");
    expect(store.record(charlie, 4n, 59_999)).toBe("recorded");
    expect(store.record(alice, 4n, 60_000)).toBe("recorded");
  });

  test("refuses rather than forgets when it is full as a whole", () => {
    const store = new ReplayStore({ pairsMax: 2, pairsPerHotkeyMax: 2 }, 0);
    store.record(alice, 1n, 0);
    store.record(alice, 2n, 30_000);
    expect(store.record(charlie, 1n, 59_999)).toBe("full");
    expect(store.record(charlie, 1n, 60_000)).toBe("recorded");
    expect(store.record(charlie, 2n, 60_000)).toBe("full");
    expect(store.record(alice, 2n, 60_000)).toBe("replayed");
  });

  test("refuses every nonce that an earlier process can have accepted", () => {
    const startMs = 1_000_000;
    const store = new ReplayStore({ pairsMax: 2, pairsPerHotkeyMax: 2 }, earliestNonceMs(startMs));
    // Up to its last moment, the start at the latest, that process took nonces up to 2 s ahead.
    expect(store.isBeforeStart(BigInt(startMs + 2_000) * 1_000_000n)).toBe(true);
    expect(store.isBeforeStart(BigInt(startMs + 2_000) * 1_000_000n + 1n)).toBe(false);
  });

  test("agrees with a list that forgets nothing, within any minute", () => {
    const step = fc.record({ hotkey: fc.constantFrom<Ss58>(alice, charlie), nonce: fc.bigInt(0n, 9n), waitMs: fc.integer({ min: 0, max: 20_000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const store = new ReplayStore({ pairsMax: 100, pairsPerHotkeyMax: 100 }, 0);
        const accepted: { key: string; atMs: number }[] = [];
        let nowMs = 0;
        for (const { hotkey, nonce, waitMs } of steps) {
          nowMs += waitMs;
          const key = `${hotkey} ${nonce}`;
          const isKnown = accepted.some((pair) => pair.key === key && pair.atMs + 60_000 > nowMs);
          expect(store.record(hotkey, nonce, nowMs)).toBe(isKnown ? "replayed" : "recorded");
          if (!isKnown) accepted.push({ key, atMs: nowMs });
        }
      }),
      { numRuns: 200, seed: 7 },
    );
  });
});
