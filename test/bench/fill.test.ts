import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { benchFill, describeFill } from "./fill.ts";

test("benchFill() measures every variant and gives the same tags each time", async () => {
  const tiny = { units: 2, rounds: 1, chunks: 1, passes: 2, dir: tmpdir() };
  const figures = await benchFill(tiny);
  for (const rates of [figures.bare, figures.sealedByOne, figures.sealedByTwo]) expect(rates.map((rate) => rate.perSecond > 0 && rate.perCoreSecond > 0)).toEqual([true]);
  expect((await benchFill(tiny)).digest).toBe(figures.digest);
  expect(describeFill(figures)).toContain(`tags ${figures.digest}`);
});
