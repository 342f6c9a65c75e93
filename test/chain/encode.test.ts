import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { cryptoReady } from "../../lib/wallet/mod.ts";
import vectors from "../vectors/chain-calls.json" with { type: "json" };
import { encodeAll } from "./_calls.ts";
import { encoderOf } from "./_metadata.ts";

/** Path of a real runtime's metadata, for instance finney's; tests that need it are skipped without it. */
const realMetadata = process.env["BTSTORE_METADATA"] ?? "";

beforeAll(cryptoReady);

describe("encodeSetWeights(), encodeServeAxon() and encodeRegister()", () => {
  test.skipIf(!existsSync(realMetadata))("give the recorded bytes with the real runtime's metadata", () => {
    expect(encodeAll(encoderOf(readFileSync(realMetadata)).encoder)).toEqual(vectors.calls);
  });

  test("the recorded bytes are what facts 3.3 and 3.5 say: pallet 7, call index, arguments in order", () => {
    const { calls } = vectors;
    expect(calls.set_weights).toBe("0x0700" + "0700" + "0c" + "00000300ff00" + "0c" + "ffff01002c01" + "509e980000000000");
    expect(calls.serve_axon_ipv4).toBe("0x0704" + "0700" + "509e9800" + "077100cb" + "00".repeat(12) + "9b1f" + "04" + "04" + "00" + "00");
    expect(calls.burned_register).toBe("0x0707" + "0700" + "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d");
  });
});
