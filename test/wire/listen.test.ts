import { afterAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { listenAxon } from "../../lib/wire/mod.ts";
import { testAxon } from "./fixture.ts";
import { CERT } from "./tls.ts";

const { axon, errors } = testAxon();
const listening = listenAxon(axon, { ip: "127.0.0.1", port: 0 });
afterAll(() => listening.stop());

/** Sends raw text, waits for `end` in what comes back (or for the connection to close) and gives all of it. */
function exchange(text: string, end: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = "";
    const socket = connect(listening.port, "127.0.0.1", () => socket.write(text));
    socket.on("data", (bytes) => {
      got += bytes.toString("latin1");
      if (end.test(got)) socket.destroy();
    });
    socket.on("close", () => resolve(got));
    socket.on("error", reject);
  });
}

describe("listenAxon()", () => {
  test("says which port is taken and by which flag to choose another", () => {
    expect(() => listenAxon(axon, { ip: "127.0.0.1", port: listening.port })).toThrow(
      expect.objectContaining({
        code: "network",
        message: `Cannot listen on 127.0.0.1 port ${listening.port}: another program holds it; stop that one or choose another with --axon.port`,
      }),
    );
  });

  test("says which address cannot be had", () => {
    expect(() => listenAxon(axon, { ip: "203.0.113.9", port: 0 })).toThrow(/^Cannot listen on 203\.0\.113\.9 port 0: .*; check --axon\.ip/);
  });

  test("says when certificate and key are none, or are not each other's", () => {
    for (const tls of [{ cert: "x", key: "y" }, { cert: CERT, key: "y" }, { cert: CERT, key: CERT }]) {
      expect(() => listenAxon(axon, { ip: "127.0.0.1", port: 0, tls })).toThrow(expect.objectContaining({ code: "usage", message: expect.stringMatching(/^Cannot speak TLS: .*--axon\.tls_cert/) }));
    }
  });

  test("refuses chunks, bodies longer than any message and endless headers", async () => {
    const head = "POST /btstore/1/Ping HTTP/1.1\r\nHost: x\r\n";
    const auth =
      "X-Bittensor-Version: 1\r\nX-Bittensor-Hotkey: 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY\r\n" +
      "X-Bittensor-Receiver: 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty\r\n" +
      `X-Bittensor-Nonce: 1752076800000000000\r\nX-Bittensor-Signature: 0x${"0".repeat(128)}\r\n`;
    expect(await exchange(`${head}${auth}Transfer-Encoding: chunked\r\n\r\n4\r\nping\r\n`, /\}/)).toMatch(/^HTTP\/1\.1 411 [^]*"LengthRequired"/);
    expect(await exchange(`${head}${auth}Content-Length: 100000000\r\n\r\nping`, /\r\n\r\n/)).toMatch(/^HTTP\/1\.1 413 /);
    expect(await exchange(`${head}X-A: ${"x".repeat(70_000)}`, /\r\n\r\n/)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await exchange(`${head}Content-Length: 0\r\n\r\n`, /\}/)).toMatch(/^HTTP\/1\.1 401 [^]*"MalformedAuth"/);
  });

  test("ends the connection of whoever is not authenticated", async () => {
    const answer = await exchange("POST /btstore/1/Ping HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\nping", /$^/);
    expect(answer).toMatch(/^HTTP\/1\.1 401 [^]*connection: close\r\n/i);
  });

  test("answers 404 where the Host header is no host, and goes on after nonsense", async () => {
    expect(await exchange("POST /btstore/1/Ping HTTP/1.1\r\nHost: a@b/c?\r\nContent-Length: 0\r\n\r\n", /\}/)).toMatch(/^HTTP\/1\.1 40[14] /);
    await exchange("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", /./);
    expect(await exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n", /\}/)).toMatch(/^HTTP\/1\.1 404 /);
    expect(errors).toEqual([]);
  });
});
