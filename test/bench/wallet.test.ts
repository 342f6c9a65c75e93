import { expect, test } from "bun:test";
import { measureWallet } from "./wallet.ts";

test("measureWallet() opens the same key every time", async () => {
  const { opened, address } = await measureWallet(2, true);
  expect(opened).toHaveLength(2);
  expect(address).toBe("5EHgWw2Af1pnoc7f1A8bfmM97W3DAYW8xr82RfhLL9oAabAe");
});
