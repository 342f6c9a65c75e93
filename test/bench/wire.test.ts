import { expect, test } from "bun:test";
import { measureWire } from "./wire.ts";

test("measureWire() answers, refuses and calls", async () => {
  const figures = await measureWire(10);
  expect(figures.digest).toBe(new Bun.CryptoHasher("sha256").update("twenty bytes of ping".repeat(10) + "twenty bytes of key.".repeat(10)).digest("hex"));
  expect(Math.min(figures.boundPerSecond, figures.answeredPerSecond, figures.legacyAnsweredPerSecond, figures.legacyRefusedPerSecond, figures.refusedPerSecond, figures.loopbackPerSecond)).toBeGreaterThan(0);
});
