import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BtstoreError, utf8 } from "../../lib/core/mod.ts";
import { verifyResponse } from "../../lib/wire/btauth.ts";
import { Refusal } from "../../lib/wire/mod.ts";
import { REFUSALS } from "../../lib/wire/synapse.ts";
import { banned, draft, limitsWith, miner, plain, requestOf, said, START_MS, stranger, testAxon, validator } from "./fixture.ts";
import type { Draft } from "./fixture.ts";

const ADDRESS = "192.0.2.1";
const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const nonceAt = (ms: number) => BigInt(START_MS + ms) * 1_000_000n;

/** Whether the answer is signed by the miner for this draft's sender. */
async function isSigned(response: Response, { headers }: Draft): Promise<boolean> {
  const body = await response.clone().bytes();
  const signed = { status: response.status, body, nonce: BigInt(headers["X-Bittensor-Nonce"]!), requester: validator.ss58 };
  return verifyResponse((name) => response.headers.get(name), signed, miner.ss58) === "signed";
}

describe("createAxon(): a request in order", () => {
  test("is answered by its handler, signed for its caller", async () => {
    const { axon } = testAxon();
    for (const body of [utf8(""), utf8("ping"), new Uint8Array(256)]) {
      const sent = draft("Ping", body);
      const response = await axon(requestOf(sent), ADDRESS);
      expect(response.status).toBe(200);
      expect(await isSigned(response, sent)).toBe(true);
      expect(await response.bytes()).toEqual(new Uint8Array(body));
    }
  });

  test("reaches the handler with the authenticated caller", async () => {
    const callers: string[] = [];
    const { axon } = testAxon({ routes: { Ping: async (caller) => (callers.push(caller), new Uint8Array(0)) } });
    await axon(requestOf(draft("Ping", utf8("x"), plain)), ADDRESS);
    expect(callers).toEqual([plain.ss58]);
  });
});

describe("createAxon(): who may call", () => {
  test("is told before the body is read", async () => {
    const { axon } = testAxon();
    const request = requestOf(draft("Ping", utf8("x"), stranger));
    expect(await said(await axon(request, ADDRESS))).toBe("403 NotRegistered");
    expect(request.bodyUsed).toBe(false);
  });

  test("refuses strangers, hotkeys without the permit a message needs, and banned ones", async () => {
    const { axon } = testAxon();
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"), stranger)), ADDRESS))).toBe("403 NotRegistered");
    expect(await said(await axon(requestOf(draft("Hops", utf8("x"), plain)), ADDRESS))).toBe("403 NoPermit");
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"), plain)), ADDRESS))).toBe("200 ok");
    expect(await said(await axon(requestOf(draft("Hops", utf8("x"), banned)), ADDRESS))).toBe("403 Banned");
    expect(await said(await axon(requestOf(draft("Hops", utf8("x"), validator)), ADDRESS))).toBe("200 ok");
  });
});

describe("createAxon(): time and replay", () => {
  test("takes nonces from 10 s ago to 2 s ahead", async () => {
    const { axon } = testAxon();
    const sayAt = async (ms: number) => said(await axon(requestOf(draft("Ping", utf8("x"), validator, nonceAt(ms))), ADDRESS));
    expect(await Promise.all([-10_001, -10_000, 1_999, 2_001, 1e9].map(sayAt))).toEqual([
      "401 StaleRequest", "200 ok", "200 ok", "401 StaleRequest", "401 StaleRequest",
    ]);
  });

  test("refuses a replay, also from elsewhere, and never again once it is stale", async () => {
    const { axon, clock } = testAxon();
    const sent = draft("Ping", utf8("x"));
    expect(await said(await axon(requestOf(sent), ADDRESS))).toBe("200 ok");
    expect(await said(await axon(requestOf(sent), ADDRESS))).toBe("401 ReplayedRequest");
    clock.advance(9_000);
    expect(await said(await axon(requestOf(sent), "198.51.100.7"))).toBe("401 ReplayedRequest");
    clock.advance(1_001);
    expect(await said(await axon(requestOf(sent), ADDRESS))).toBe("401 StaleRequest");
  });

  test("knows a replay by its headers, without reading or verifying anything more", async () => {
    const { axon } = testAxon();
    const sent = draft("Ping", utf8("x"));
    await axon(requestOf(sent), ADDRESS);
    const request = requestOf({ ...sent, body: utf8("y") });
    expect(await said(await axon(request, ADDRESS))).toBe("401 ReplayedRequest");
    expect(request.bodyUsed).toBe(false);
  });

  test("takes one of two equal requests that come at the same time", async () => {
    const { axon } = testAxon();
    const sent = draft("Ping", utf8("x"));
    const answers = await Promise.all([axon(requestOf(sent), ADDRESS), axon(requestOf(sent), ADDRESS)]);
    expect((await Promise.all(answers.map(said))).sort()).toEqual(["200 ok", "401 ReplayedRequest"]);
  });

  test("does not let a wrong signature use up a nonce", async () => {
    const { axon } = testAxon();
    const sent = draft("Ping", utf8("x"));
    const forged = { ...sent, body: utf8("y") };
    expect(await said(await axon(requestOf(forged), ADDRESS))).toBe("401 BadSignature");
    expect(await said(await axon(requestOf(sent), ADDRESS))).toBe("200 ok");
  });

  test("refuses what an earlier process may have accepted", async () => {
    const { axon, clock } = testAxon({ notBeforeMs: START_MS + 2_000 });
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"), validator, nonceAt(1_999))), ADDRESS))).toBe("401 StaleRequest");
    clock.advance(2_001);
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"), validator, nonceAt(2_001))), ADDRESS))).toBe("200 ok");
  });

  test("refuses when it cannot remember, signed", async () => {
    const { axon } = testAxon({ limits: limitsWith({ replayPairsPerHotkeyMax: 1 }) });
    await axon(requestOf(draft("Ping", utf8("x"))), ADDRESS);
    const sent = draft("Ping", utf8("x"));
    const response = await axon(requestOf(sent), ADDRESS);
    expect(await isSigned(response, sent)).toBe(true);
    expect(await said(response)).toBe("503 Busy");
  });
});

describe("createAxon(): tampering", () => {
  const body = new Uint8Array(64).fill(7);

  /** Says what a fresh axon without rates answers to a spoiled draft. */
  async function spoiled(change: (sent: Draft) => void): Promise<string> {
    const { axon } = testAxon({ limits: limitsWith({ addressRate: { perSecond: 1e6, burst: 1e6 } }) });
    const sent = draft("Ping", body.slice());
    change(sent);
    const response = await axon(requestOf(sent), ADDRESS);
    expect(response.headers.has("x-btstore-signature")).toBe(response.status === 200);
    return said(response);
  }

  test("blames the signature for every flipped byte of the body", async () => {
    for (let i = 0; i < body.length; i++) {
      expect(await spoiled((sent) => void (sent.body[i]! ^= 1)), `byte ${i}`).toBe("401 BadSignature");
    }
  });

  /** Every character replaced by its neighbour in the alphabet of that header. */
  const headers: [name: string, alphabet: string, expected: string[]][] = [
    ["X-Bittensor-Version", "123", ["401 MalformedAuth"]],
    ["X-Bittensor-Hotkey", BASE58, ["401 MalformedAuth", "403 NotRegistered"]],
    ["X-Bittensor-Receiver", BASE58, ["401 MalformedAuth", "401 WrongReceiver"]],
    ["X-Bittensor-Nonce", "0123456789", ["401 StaleRequest", "401 BadSignature"]],
    ["X-Bittensor-Signature", "0123456789abcdef", ["401 BadSignature", "401 MalformedAuth"]],
  ];
  for (const [name, alphabet, expected] of headers) {
    test(`blames a flipped character of ${name} by its own name`, async () => {
      const seen = new Set<string>();
      for (let i = 0; i < draft("Ping", body).headers[name]!.length; i++) {
        const answer = await spoiled((sent) => {
          const text = sent.headers[name]!;
          const next = alphabet[(alphabet.indexOf(text[i]!) + 1) % alphabet.length]!;
          sent.headers[name] = text.slice(0, i) + next + text.slice(i + 1);
        });
        expect(expected, `character ${i}: ${answer}`).toContain(answer);
        seen.add(answer);
      }
      expect([...seen].sort()).toEqual([...expected].sort());
    });
  }

  const spoilers: Record<string, [expected: string, change: (sent: Draft) => void]> = {
    "no authentication": ["401 MalformedAuth", (sent) => void (sent.headers = { "Content-Length": "64" })],
    "no signature": ["401 MalformedAuth", (sent) => void delete sent.headers["X-Bittensor-Signature"]],
    "an empty signature": ["401 MalformedAuth", (sent) => void (sent.headers["X-Bittensor-Signature"] = "0x")],
    "an unbound receiver": ["401 MalformedAuth", (sent) => void (sent.headers["X-Bittensor-Receiver"] = "-")],
    "a foreign receiver": ["401 WrongReceiver", (sent) => void (sent.headers["X-Bittensor-Receiver"] = stranger.ss58)],
    "another's hotkey": ["401 BadSignature", (sent) => void (sent.headers["X-Bittensor-Hotkey"] = plain.ss58)],
    "another scheme": ["401 MalformedAuth", (sent) => void (sent.headers["X-Bittensor-Crypto"] = "ed25519")],
    "another route": ["401 BadSignature", (sent) => void (sent.url = sent.url.replace("Ping", "Hops"))],
    "a route nobody serves": ["404 NotFound", (sent) => void (sent.url = sent.url.replace("Ping", "Notice"))],
    "an unknown route": ["404 NotFound", (sent) => void (sent.url = sent.url.replace("Ping", "ping"))],
    "a query": ["404 NotFound", (sent) => void (sent.url += "?a=1")],
    "no path": ["404 NotFound", (sent) => void (sent.url = "http://10.0.0.1:8091")],
    "GET": ["405 MethodNotAllowed", (sent) => void (sent.method = "GET")],
    "PUT": ["405 MethodNotAllowed", (sent) => void (sent.method = "PUT")],
    "no Content-Length": ["411 LengthRequired", (sent) => void delete sent.headers["Content-Length"]],
    "chunks beside a Content-Length": ["411 LengthRequired", (sent) => void (sent.headers["Transfer-Encoding"] = "chunked")],
    "two Content-Lengths": ["400 MalformedRequest", (sent) => void (sent.headers["Content-Length"] = "64, 64")],
    "a negative Content-Length": ["400 MalformedRequest", (sent) => void (sent.headers["Content-Length"] = "-1")],
    "a Content-Length above the message's bound": ["413 TooLarge", (sent) => void (sent.headers["Content-Length"] = "257")],
    "a body longer than Content-Length": ["413 TooLarge", (sent) => void (sent.headers["Content-Length"] = "63")],
    "a body shorter than Content-Length": ["400 MalformedRequest", (sent) => void (sent.headers["Content-Length"] = "65")],
    "headers above 8 KiB": ["431 HeaderTooLarge", (sent) => void (sent.headers["X-Filler"] = "x".repeat(8192))],
  };
  for (const [what, [expected, change]] of Object.entries(spoilers)) {
    test(`refuses ${what}: ${expected}`, async () => {
      expect(await spoiled(change)).toBe(expected);
    });
  }

  test("takes a body at the message's bound", async () => {
    const { axon } = testAxon();
    expect(await said(await axon(requestOf(draft("Ping", new Uint8Array(256))), ADDRESS))).toBe("200 ok");
  });
});

describe("createAxon(): bodies as streams", () => {
  function streamed(sent: Draft, body: ReadableStream): Request {
    return new Request(sent.url, { method: "POST", headers: sent.headers, body, duplex: "half" } as RequestInit);
  }

  test("gives a body that does not come up after its time", async () => {
    const { axon, clock } = testAxon();
    let isCancelled = false;
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(utf8("pi")),
      cancel: () => void (isCancelled = true),
    });
    const answer = axon(streamed(draft("Ping", utf8("ping")), body), ADDRESS);
    // Let the part that is there be read before time passes.
    for (let i = 0; i < 20; i++) await Promise.resolve();
    clock.advance(5_000);
    expect(await said(await answer)).toBe("408 SlowBody");
    expect(isCancelled).toBe(true);
  });

  test("stops reading a body that goes on beyond its length", async () => {
    const { axon } = testAxon();
    let partCount = 0;
    const body = new ReadableStream({
      pull(controller) {
        partCount++;
        controller.enqueue(new Uint8Array(16));
      },
    });
    expect(await said(await axon(streamed(draft("Ping", new Uint8Array(64)), body), ADDRESS))).toBe("413 TooLarge");
    expect(partCount).toBeLessThan(10);
  });

  test("survives a body that breaks off", async () => {
    const { axon } = testAxon();
    const body = new ReadableStream({ start: (controller) => controller.error(new TypeError("reset")) });
    expect(await said(await axon(streamed(draft("Ping", utf8("ping")), body), ADDRESS))).toBe("400 MalformedRequest");
  });

  test("holds no more bodies per address than the table says, and goes on with others", async () => {
    const { axon, clock } = testAxon({ limits: limitsWith({ bodiesPerAddressMax: 2 }) });
    const stuck = [1, 2].map(() => axon(streamed(draft("Ping", utf8("ping")), new ReadableStream()), ADDRESS));
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"))), ADDRESS))).toBe("503 Busy");
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"))), "198.51.100.7"))).toBe("200 ok");
    clock.advance(5_000);
    expect(await Promise.all((await Promise.all(stuck)).map(said))).toEqual(["408 SlowBody", "408 SlowBody"]);
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"), validator, nonceAt(5_000))), ADDRESS))).toBe("200 ok");
  });

  test("gives a longer body the time that its length takes", async () => {
    const { axon, clock } = testAxon();
    const sent = draft("Ping", new Uint8Array(256));
    let end = () => {};
    const body = new ReadableStream({ start: (controller) => void (end = () => (controller.enqueue(sent.body), controller.close())) });
    const answer = axon(streamed(sent, body), ADDRESS);
    const settle = async () => {
      for (let i = 0; i < 20; i++) await Promise.resolve();
    };
    await settle();
    clock.advance(1_015);
    await settle();
    end();
    expect(await said(await answer)).toBe("200 ok");
  });

  test("lets stalled bodies of strangers shut out nobody: the oldest makes room", async () => {
    const { axon, clock } = testAxon({ limits: limitsWith({ bodiesMax: 3 }) });
    const stuck = [1, 2, 3].map((i) => axon(streamed(draft("Ping", utf8("ping")), new ReadableStream()), `2001:db8:${i}::1`));
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"))), ADDRESS))).toBe("200 ok");
    expect(await said(await stuck[0]!)).toBe("408 SlowBody");
    clock.advance(5_000);
    expect(await Promise.all(stuck.slice(1).map(async (answer) => said(await answer)))).toEqual(["408 SlowBody", "408 SlowBody"]);
  });

  test("has no more requests at work in all than the table says", async () => {
    let finish = () => {};
    const held = new Promise<void>((resolve) => void (finish = resolve));
    const { axon } = testAxon({ routes: { Ping: async () => (await held, new Uint8Array(0)) }, limits: limitsWith({ workMax: 1 }) });
    const atWork = axon(requestOf(draft("Ping", utf8("x"))), ADDRESS);
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"), plain)), "198.51.100.7"))).toBe("503 Busy");
    finish();
    expect(await said(await atWork)).toBe("200 ok");
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"), plain)), "198.51.100.7"))).toBe("200 ok");
  });

  test("does not count bodies that are coming in as work", async () => {
    const { axon, clock } = testAxon({ limits: limitsWith({ workMax: 1 }) });
    const stuck = axon(streamed(draft("Ping", utf8("ping")), new ReadableStream()), ADDRESS);
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"))), "198.51.100.7"))).toBe("200 ok");
    clock.advance(5_000);
    await stuck;
  });
});

describe("createAxon(): forgeries", () => {
  const forged = () => requestOf({ ...draft("Ping", utf8("x")), body: utf8("y") });
  const honest = () => requestOf(draft("Ping", utf8("x")));

  test("from many addresses cost no more verifications than the table says, and shut out no address that authenticated lately", async () => {
    const { axon, clock } = testAxon({ limits: limitsWith({ forgeryRate: { perSecond: 1, burst: 3 } }) });
    expect(await said(await axon(honest(), ADDRESS))).toBe("200 ok");
    const answers: string[] = [];
    for (let i = 0; i < 5; i++) answers.push(await said(await axon(forged(), `198.51.100.${i}`)));
    expect(answers).toEqual([...Array<string>(3).fill("401 BadSignature"), "503 Busy", "503 Busy"]);
    expect(await said(await axon(honest(), ADDRESS))).toBe("200 ok");
    const unread = honest();
    expect(await said(await axon(unread, "203.0.113.9"))).toBe("503 Busy");
    expect(unread.bodyUsed).toBe(false);
    clock.advance(1_000);
    expect(await said(await axon(honest(), "203.0.113.9"))).toBe("200 ok");
  });

  test("that come in together are held to the same budget", async () => {
    const { axon } = testAxon({ limits: limitsWith({ forgeryRate: { perSecond: 1, burst: 3 } }) });
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => axon(forged(), `198.51.100.${i}`)));
    expect((await Promise.all(answers.map(said))).sort()).toEqual([...Array<string>(3).fill("401 BadSignature"), ...Array<string>(5).fill("503 Busy")]);
  });

  test("make a request that was refused for its rate, or replayed, no proof of an address", async () => {
    const { axon } = testAxon({ rateOf: () => ({ perSecond: 0.1, burst: 1 }), limits: limitsWith({ forgeryRate: { perSecond: 1, burst: 1 } }) });
    expect(await said(await axon(honest(), ADDRESS))).toBe("200 ok");
    expect(await said(await axon(honest(), "203.0.113.9"))).toBe("429 TooManyRequests");
    expect(await said(await axon(forged(), "198.51.100.1"))).toBe("401 BadSignature");
    expect(await said(await axon(honest(), "203.0.113.9"))).toBe("503 Busy");
    expect(await said(await axon(honest(), ADDRESS))).toBe("429 TooManyRequests");
  });
});

describe("createAxon(): rates", () => {
  test("refuses an address above its rate before any signature is looked at", async () => {
    const { axon, clock } = testAxon({ limits: limitsWith({ addressRate: { perSecond: 0.5, burst: 2 } }) });
    for (let i = 0; i < 2; i++) expect(await said(await axon(requestOf(draft("Ping", utf8("x"))), ADDRESS))).toBe("200 ok");
    const refused = await axon(requestOf(draft("Ping", utf8("x"))), ADDRESS);
    expect([refused.headers.get("retry-after"), refused.headers.has("x-btstore-signature")]).toEqual(["2", false]);
    expect(await said(refused)).toBe("429 TooManyRequests");
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"))), "198.51.100.7"))).toBe("200 ok");
    clock.advance(2_000);
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"))), ADDRESS))).toBe("200 ok");
  });

  test("makes wrong signatures dear for their address", async () => {
    const { axon } = testAxon({ limits: limitsWith({ addressRate: { perSecond: 1, burst: 30 } }) });
    const answers: string[] = [];
    for (let i = 0; i < 4; i++) answers.push(await said(await axon(requestOf({ ...draft("Ping", utf8("x")), body: utf8("y") }), ADDRESS)));
    expect(answers).toEqual(["401 BadSignature", "401 BadSignature", "401 BadSignature", "429 TooManyRequests"]);
  });

  test("refuses a hotkey above its rate with a signature, and in the end without", async () => {
    const { axon, clock } = testAxon({
      rateOf: (caller, name) => (caller === validator.ss58 && name === "Hops" ? { perSecond: 0.1, burst: 2 } : undefined),
      limits: limitsWith({ refusalRate: { perSecond: 0.1, burst: 1 } }),
    });
    const call = async () => {
      const sent = draft("Hops", utf8("x"));
      const response = await axon(requestOf(sent), ADDRESS);
      return `${await said(response.clone() as Response)}${(await isSigned(response, sent)) ? " signed" : ""} ${response.headers.get("retry-after")}`;
    };
    expect([await call(), await call(), await call(), await call()]).toEqual([
      "200 ok signed null", "200 ok signed null", "429 TooManyRequests signed 10", "429 TooManyRequests 10",
    ]);
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"))), ADDRESS))).toBe("200 ok");
    clock.advance(9_000);
    expect(await call()).toBe("429 TooManyRequests 1");
  });

  test("lets nobody use up the rate or the nonces of another's hotkey", async () => {
    const { axon } = testAxon({ rateOf: () => ({ perSecond: 0.1, burst: 1 }) });
    for (let i = 0; i < 20; i++) {
      const forged = { ...draft("Ping", utf8("x")), body: utf8("y") };
      expect(await said(await axon(requestOf(forged), `198.51.100.${i}`))).toBe("401 BadSignature");
    }
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"))), ADDRESS))).toBe("200 ok");
  });

  test("lets one hotkey have no more requests at work than the table says", async () => {
    let finish = () => {};
    const held = new Promise<void>((resolve) => void (finish = resolve));
    const { axon } = testAxon({
      routes: { Ping: async () => (await held, new Uint8Array(0)) },
      limits: limitsWith({ workPerHotkeyMax: 2 }),
    });
    const atWork = [1, 2].map(() => axon(requestOf(draft("Ping", utf8("x"))), ADDRESS));
    const third = draft("Ping", utf8("x"));
    const refused = await axon(requestOf(third), ADDRESS);
    expect(await isSigned(refused, third)).toBe(true);
    expect(await said(refused)).toBe("503 Busy");
    const other = axon(requestOf(draft("Ping", utf8("x"), plain)), ADDRESS);
    finish();
    expect(await Promise.all([...atWork, other].map(async (answer) => said(await answer)))).toEqual(["200 ok", "200 ok", "200 ok"]);
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"))), ADDRESS))).toBe("200 ok");
  });
});

describe("createAxon(): handlers", () => {
  async function answered(handler: () => Promise<Uint8Array | Refusal>) {
    const { axon, errors } = testAxon({ routes: { Ping: handler } });
    const sent = draft("Ping", utf8("x"));
    const response = await axon(requestOf(sent), ADDRESS);
    expect(await isSigned(response, sent)).toBe(true);
    return { said: await said(response), errors };
  }

  test("may refuse, signed", async () => {
    expect(await answered(async () => new Refusal("MalformedMessage"))).toEqual({ said: "400 MalformedMessage", errors: [] });
    expect(await answered(async () => new Refusal("Unknown"))).toEqual({ said: "404 Unknown", errors: [] });
  });

  test("that fail are 500 and logged, without anything a parser may have repeated", async () => {
    const parsing = await answered(async () => JSON.parse("evil\u001b[31m at peer"));
    expect(parsing.said).toBe("500 Failed");
    expect(parsing.errors).toHaveLength(1);
    expect(parsing.errors[0]).toMatchObject({ message: 'Serving "Ping" failed', error: "SyntaxError" });
    expect(JSON.stringify(parsing.errors)).not.toContain("evil");

    const disk = await answered(async () => {
      throw new BtstoreError("disk", 'Cannot read "/data/bt": input/output error');
    });
    expect(disk.said).toBe("500 Failed");
    expect(disk.errors[0]).toMatchObject({ error: 'Cannot read "/data/bt": input/output error' });
  });

  test("that answer more than the message allows are 500", async () => {
    const { said, errors } = await answered(async () => new Uint8Array(1025));
    expect([said, errors[0]?.error]).toEqual(["500 Failed", "answer: expected at most 1024 bytes, got 1025"]);
    expect((await answered(async () => new Uint8Array(1024))).said).toBe("200 ok");
  });

  test("a standing that cannot be told is 500, unsigned", async () => {
    const { axon, errors } = testAxon({ whoIs: () => { throw new RangeError("metagraph: expected one, got none"); } });
    expect(await said(await axon(requestOf(draft("Ping", utf8("x"))), ADDRESS))).toBe("500 Failed");
    expect(errors[0]).toMatchObject({ error: "metagraph: expected one, got none" });
  });
});

describe("createAxon(): anything at all", () => {
  const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,20}$/);
  const text = fc.stringMatching(/^[ -~]{0,80}$/).map((value) => value.trim());
  const auth = draft("Ping", utf8("x")).headers;
  const headerNames = [...Object.keys(auth), "X-Bittensor-Crypto", "Transfer-Encoding"];
  const url = fc.oneof(
    fc.constantFrom("/btstore/1/Ping", "/btstore/1/Hops", "/btstore/1/Notice", "/btstore/1/__proto__", "/constructor"),
    fc.webPath(),
  );

  test("is answered with a refusal of the table, never 500, never an exception", async () => {
    const { axon, errors } = testAxon();
    const statuses = new Set<number>(Object.values(REFUSALS).map(([status]) => status));
    statuses.delete(500);
    await fc.assert(
      fc.asyncProperty(
        url,
        fc.constantFrom("POST", "POST", "POST", "PUT", "DELETE", "OPTIONS"),
        fc.dictionary(fc.oneof(fc.constantFrom(...headerNames), token), fc.oneof(text, fc.constantFrom(...Object.values(auth))), { maxKeys: 12 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.subarray(Object.keys(auth)),
        async (path, method, headers, body, kept) => {
          const honest = Object.fromEntries(kept.map((name) => [name, auth[name]!]));
          const request = new Request(`http://10.0.0.1${path}`, { method, headers: { ...honest, ...headers }, body: body as Uint8Array<ArrayBuffer> });
          const response = await axon(request, ADDRESS);
          expect(statuses).toContain(response.status);
          expect(response.headers.has("x-btstore-signature")).toBe(false);
        },
      ),
      { numRuns: 1500, seed: 11 },
    );
    expect(errors).toEqual([]);
  });

  test("when correctly signed, reaches the handler as it was sent", async () => {
    const { axon } = testAxon({ rateOf: () => ({ perSecond: 1e6, burst: 1e6 }), limits: limitsWith({ addressRate: { perSecond: 1e6, burst: 1e6 } }) });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 256 }), async (body) => {
        const response = await axon(requestOf(draft("Ping", body)), ADDRESS);
        expect(await response.bytes()).toEqual(new Uint8Array(body));
      }),
      { numRuns: 50, seed: 12 },
    );
  });
});
