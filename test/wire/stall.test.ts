import { describe, expect, test } from "bun:test";
import { StallWatch, TICK_MS } from "../../lib/wire/stall.ts";

describe("StallWatch", () => {
  test("counts only what exceeds a tick, at the tick and between two", () => {
    const watch = new StallWatch();
    watch.start(1000);
    expect(watch.lateMs(1000)).toBe(0);
    expect(watch.tick(1000 + TICK_MS)).toBe(0);
    expect(watch.lateMs(1000 + TICK_MS + 70)).toBe(70 - TICK_MS);
    expect(watch.tick(1000 + TICK_MS + 70)).toBe(70 - TICK_MS);
    expect(watch.tick(1000 + 2 * TICK_MS + 70)).toBe(0);
  });

  test("starts anew after a pause in which nobody watched", () => {
    const watch = new StallWatch();
    watch.start(0);
    watch.start(60_000);
    expect(watch.tick(60_000 + TICK_MS)).toBe(0);
  });
});
