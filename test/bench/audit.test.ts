import { expect, test } from "bun:test";
import { measureAudits } from "./audit.ts";

test("measureAudits() answers by the native core what @noble verifies, and the same each time", async () => {
  const [once, again] = [await measureAudits(2), await measureAudits(2)];
  expect(once.verify).toHaveLength(2);
  expect(once.digest).toBe(again.digest);
  // Sixteen links and roots, and 32 openings with paths of 7 and 21 siblings.
  expect(once.bytes).toBe(1024 + 32 * (2048 + 224 + 1 + 672));
});
