import { expect, test } from "bun:test";
import { levels, measureChain } from "./chain.ts";

test("measureChain() follows every block with a client that sets weights", async () => {
  const { firstMetagraphMs, neurons, samples } = await measureChain(60);
  expect(neurons).toBe(256);
  expect(firstMetagraphMs).toBeGreaterThan(0);
  expect(samples.at(-1)!.block).toBe(60);
  expect(samples.at(-1)!.weightsCount).toBe(1);
  const { early, late } = levels(samples, ({ heapBytes }) => heapBytes);
  expect(Math.min(early, late)).toBeGreaterThan(2 ** 20);
}, 60_000);
