import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { cryptoReady } from "../../lib/wallet/mod.ts";
import vectors from "../vectors/chain-calls.json" with { type: "json" };
import { encodeAll } from "./_calls.ts";
import { encoderOf } from "./_metadata.ts";

/** Path of a real runtime's metadata, for instance finney's; tests that need it are skipped without it. */
const realMetadata = process.env["BTSTORE_METADATA"] ?? "";

beforeAll(cryptoReady);

describe("every call we make", () => {
  test.skipIf(!existsSync(realMetadata))("gives the recorded bytes with the real runtime's metadata", () => {
    expect(encodeAll(encoderOf(readFileSync(realMetadata)).encoder)).toEqual(vectors.calls);
  });

  test("the recorded bytes are what facts 3.3 and 3.5 say: pallet 7, call index, arguments in order", () => {
    const { calls } = vectors;
    expect(calls.set_weights).toBe("0x0700" + "0700" + "0c" + "00000300ff00" + "0c" + "ffff01002c01" + "509e980000000000");
    expect(calls.set_mechanism_weights).toBe("0x0777" + "0700" + "00" + "0c" + "00000300ff00" + "0c" + "ffff01002c01" + "509e980000000000");
    const commit = `9d04${Array.from({ length: 295 }, (_, i) => (i & 0xff).toString(16).padStart(2, "0")).join("")}`;
    expect(calls.commit_timelocked_mechanism_weights).toBe("0x0776" + "0700" + "00" + commit + "13be090200000000" + "0400");
    expect(calls.commit_timelocked_weights).toBe("0x0771" + "0700" + commit + "13be090200000000" + "0400");
    expect(calls.commit_weights).toBe("0x0760" + "0700" + commit.slice(4, 68));
    expect(calls.reveal_weights).toBe("0x0761" + "0700" + "0c" + "00000300ff00" + "0c" + "ffff01002c01" + "0c" + "01000200ffff" + "509e980000000000");
    expect(calls.serve_axon_ipv4).toBe("0x0704" + "0700" + "509e9800" + "077100cb" + "00".repeat(12) + "9b1f" + "04" + "04" + "00" + "00");
    expect(calls.burned_register).toBe("0x0707" + "0700" + "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d");
  });
});
