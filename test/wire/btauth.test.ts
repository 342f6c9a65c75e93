import { describe, expect, test } from "bun:test";
import { createPublicKey, verify as verifyNode } from "node:crypto";
import { concat, fromHex, toHex, utf8 } from "../../lib/core/mod.ts";
import { decodeSs58, parseSs58 } from "../../lib/wallet/mod.ts";
import { isFresh, NonceSource, readAuth, requestPayload, signRequest, signResponse, verifyRequest, verifyResponse } from "../../lib/wire/btauth.ts";
import type { HeaderReader } from "../../lib/wire/btauth.ts";
import { miner, START_MS, stranger, validator } from "./fixture.ts";

/**
 * The vector of the standard (`docs/guides/signed-requests.mdx`, repeated in facts 2.9): //Alice, as ed25519, to //Bob.
 */
const VECTOR = {
  sender: "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu",
  receiver: "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
  target: "/generate?stream=false",
  nonce: 1752076800000000000n,
  body: '{"prompt": "hello"}',
  bodySha256: "341c57448e531310fbbe83f44cea2a5e838bd9e8a6b82b269f01d0dbbc23c3cc",
  signature:
    "1a6b631988bf1f7ea093ab9d5acf61f05c316d0b0e428b24b487b75a5f6ee0e1a56a26918fdf871b6cf09437e6588023a4ce423cf622621b2a7feee17612f704",
};

const request = { method: "POST", target: "/btstore/1/Ping", body: utf8("ping") };
const nonce = BigInt(START_MS) * 1_000_000n;

function reader(headers: Record<string, string>): HeaderReader {
  const known = new Headers(headers);
  return (name) => known.get(name);
}

describe("requestPayload()", () => {
  const payload = requestPayload({ method: "POST", target: VECTOR.target, body: utf8(VECTOR.body) }, VECTOR.nonce, VECTOR.sender, VECTOR.receiver, "ed25519");

  test("is the eight lines of the standard", () => {
    expect(new TextDecoder().decode(payload)).toBe(
      ["btauth/1", "ed25519", "POST", VECTOR.target, VECTOR.bodySha256, "1752076800000000000", VECTOR.sender, VECTOR.receiver].join("\n"),
    );
  });

  test("is what the standard's ed25519 vector signs, byte for byte", () => {
    const publicKey = decodeSs58(parseSs58(VECTOR.sender)!);
    const spki = concat(fromHex("302a300506032b6570032100"), publicKey);
    const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
    expect(verifyNode(null, payload, key, fromHex(VECTOR.signature))).toBe(true);
    expect(verifyNode(null, concat(payload, utf8("\n")), key, fromHex(VECTOR.signature))).toBe(false);
  });
});

describe("readAuth()", () => {
  const headers = signRequest(validator, miner.ss58, nonce, request);

  test("reads what signRequest() wrote", () => {
    const auth = readAuth(reader(headers))!;
    expect([auth.sender, auth.receiver, auth.nonce]).toEqual([validator.ss58, miner.ss58, nonce]);
    expect(verifyRequest(auth, request)).toBe(true);
  });

  test("takes an explicit sr25519 and no other scheme", () => {
    expect(readAuth(reader({ ...headers, "X-Bittensor-Crypto": "sr25519" }))).not.toBeNull();
    expect(readAuth(reader({ ...headers, "X-Bittensor-Crypto": "ed25519" }))).toBeNull();
  });

  const malformed: Record<string, (string | null)[]> = {
    "X-Bittensor-Version": [null, "", "2", "1, 1"],
    "X-Bittensor-Hotkey": [null, "", "5", validator.ss58.slice(1), `${validator.ss58}x`, validator.ss58.replace("5", "6"), `${validator.ss58.slice(0, 47)}0`],
    "X-Bittensor-Receiver": [null, "", "-", `${miner.ss58}, ${miner.ss58}`],
    "X-Bittensor-Nonce": [null, "", "0", "-1", "1e18", "0x10", "01", "1.5", "9".repeat(21), `${nonce}, ${nonce}`],
    "X-Bittensor-Signature": [null, "", "0x", headers["X-Bittensor-Signature"]!.slice(2), `${headers["X-Bittensor-Signature"]}00`, headers["X-Bittensor-Signature"]!.toUpperCase()],
  };
  for (const [name, values] of Object.entries(malformed)) {
    test(`refuses a malformed ${name}`, () => {
      for (const value of values) {
        const { [name]: _, ...others } = headers;
        expect(readAuth(reader(value === null ? others : { ...others, [name]: value })), `${name}: ${value}`).toBeNull();
      }
    });
  }
});

describe("verifyRequest()", () => {
  const auth = readAuth(reader(signRequest(validator, miner.ss58, nonce, request)))!;

  test("refuses every change of what the signature covers", () => {
    expect(verifyRequest(auth, { ...request, method: "PUT" })).toBe(false);
    expect(verifyRequest(auth, { ...request, target: "/btstore/1/Hops" })).toBe(false);
    expect(verifyRequest(auth, { ...request, target: `${request.target}?` })).toBe(false);
    expect(verifyRequest(auth, { ...request, body: utf8("pinG") })).toBe(false);
    expect(verifyRequest(auth, { ...request, body: utf8("ping\n") })).toBe(false);
    expect(verifyRequest({ ...auth, nonce: nonce + 1n }, request)).toBe(false);
    expect(verifyRequest({ ...auth, sender: stranger.ss58 }, request)).toBe(false);
    expect(verifyRequest({ ...auth, receiver: stranger.ss58 }, request)).toBe(false);
  });

  test("refuses every flipped bit of the signature", () => {
    for (let i = 0; i < 64; i++) {
      const signature = auth.signature.slice();
      signature[i]! ^= 1 << (i % 8);
      expect(verifyRequest({ ...auth, signature }, request), `byte ${i}`).toBe(false);
    }
  });

  test("takes a browser wallet's <Bytes> wrapping", () => {
    const payload = requestPayload(request, nonce, validator.ss58, miner.ss58);
    const signature = validator.sign(concat(utf8("<Bytes>"), payload, utf8("</Bytes>")));
    expect(verifyRequest({ ...auth, signature }, request)).toBe(true);
    expect(verifyRequest({ ...auth, signature }, { ...request, body: utf8("pong") })).toBe(false);
  });
});

describe("isFresh()", () => {
  test("takes nonces from 10 s ago to 2 s ahead, both ends included", () => {
    const at = (ms: number, ns = 0n) => isFresh((BigInt(START_MS) + BigInt(ms)) * 1_000_000n + ns, START_MS);
    expect([at(-10_000, -1n), at(-10_000), at(0), at(2_000), at(2_000, 1n)]).toEqual([false, true, true, true, false]);
  });
});

describe("verifyResponse()", () => {
  const response = { status: 200, body: utf8("pong"), nonce, requester: validator.ss58 };
  const headers = signResponse(miner, response);

  test("takes what signResponse() wrote", () => {
    expect(verifyResponse(reader(headers), response, miner.ss58)).toBe("signed");
  });

  test("tells unsigned answers from wrongly signed ones", () => {
    const { "X-Btstore-Signature": _, ...unsigned } = headers;
    expect(verifyResponse(reader(unsigned), response, miner.ss58)).toBe("unsigned");
    const wrong = [
      verifyResponse(reader(headers), { ...response, status: 429 }, miner.ss58),
      verifyResponse(reader(headers), { ...response, body: utf8("ponG") }, miner.ss58),
      verifyResponse(reader(headers), { ...response, nonce: nonce + 1n }, miner.ss58),
      verifyResponse(reader({ ...headers, "X-Btstore-Nonce": `${nonce + 1n}` }), { ...response, nonce: nonce + 1n }, miner.ss58),
      verifyResponse(reader(headers), { ...response, requester: stranger.ss58 }, miner.ss58),
      verifyResponse(reader(headers), response, stranger.ss58),
      verifyResponse(reader(signResponse(stranger, response)), response, miner.ss58),
      verifyResponse(reader({ ...signResponse(stranger, response), "X-Btstore-Hotkey": miner.ss58 }), response, miner.ss58),
      verifyResponse(reader({ ...headers, "X-Btstore-Nonce": `${nonce + 1n}` }), response, miner.ss58),
      verifyResponse(reader({ ...headers, "X-Btstore-Hotkey": stranger.ss58 }), response, miner.ss58),
      verifyResponse(reader({ ...headers, "X-Btstore-Version": "2" }), response, miner.ss58),
      verifyResponse(reader({ ...headers, "X-Btstore-Signature": `0x${toHex(new Uint8Array(64))}` }), response, miner.ss58),
      verifyResponse(reader({ ...headers, "X-Btstore-Signature": "" }), response, miner.ss58),
    ];
    expect(wrong).toEqual(wrong.map(() => "bad_signature" as const));
  });

  test("refuses a request's signature sent back as an answer's", () => {
    const echoed = signRequest(miner, validator.ss58, nonce, { method: "POST", target: "/", body: response.body });
    expect(verifyResponse(reader({ ...headers, "X-Btstore-Signature": echoed["X-Bittensor-Signature"]! }), response, miner.ss58)).toBe("bad_signature");
  });
});

describe("NonceSource", () => {
  test("grows strictly while the clock stands still or goes back by up to 2 s", () => {
    let nowMs = START_MS;
    const source = new NonceSource(() => nowMs);
    let last = 0n;
    for (let i = 0; i < 1000; i++) {
      if (i === 300) nowMs -= 1_990;
      if (i === 600) nowMs += 60_000;
      const drawn = source.next();
      expect(drawn).toBeGreaterThan(last);
      last = drawn;
    }
    expect(isFresh(last, nowMs)).toBe(true);
  });

  test("follows a clock that is set back further, so that axons go on taking its nonces", () => {
    let nowMs = START_MS;
    const source = new NonceSource(() => nowMs);
    source.next();
    nowMs -= 3_600_000;
    expect(isFresh(source.next(), nowMs)).toBe(true);
  });
});
