import { expect, test } from "bun:test";
import { measureExecutable } from "./executable.ts";

test("measureExecutable() runs the real help and a real idle miner", async () => {
  const { helpMs, helpText, idleMinerBytes } = await measureExecutable(1);
  expect(helpMs).toHaveLength(1);
  expect(helpText).toContain("devnet");
  expect(idleMinerBytes).toBeGreaterThan(10 * 2 ** 20);
}, 60_000);
