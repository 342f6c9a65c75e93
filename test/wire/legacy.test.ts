import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { utf8 } from "../../lib/core/mod.ts";
import type { Hotkey } from "../../lib/wallet/mod.ts";
import { type AxonOptions, type LegacyRoutes, Refusal } from "../../lib/wire/mod.ts";
import { verifyResponse } from "../../lib/wire/btauth.ts";
import { legacyBody, legacyBodyHash, legacyHeaders, type LegacyMessage, type LegacyName, readLegacyAuth } from "../../lib/wire/legacy.ts";
import { LegacyDendrite } from "../../lib/wire/legacy_dendrite.ts";
import { listenAxon } from "../../lib/wire/mod.ts";
import { REFUSALS } from "../../lib/wire/synapse.ts";
import { FakeClock, banned, limitsWith, miner, plain, said, stranger, testAxon, validator } from "./fixture.ts";

// Hundreds of signatures, on a core that others may be using.
setDefaultTimeout(60_000);

const ADDRESS = "192.0.2.1";
const ANYWHERE = { perSecond: 1e6, burst: 1e6 };
const PEER = { hotkey: miner.ss58, ip: "10.0.0.1", port: 8091 };

const ECHO: LegacyRoutes = {
  Synapse: async () => ({}),
  GetAllocation: async (caller) => ({ allocation: { owner: caller } }),
  Retrieve: async (_caller, fields) => ({ data: `got ${fields.key}` }),
  Store: async () => new Refusal("NotServed"),
};

function legacyAxon(changed: Partial<AxonOptions> = {}) {
  return testAxon({ legacyRoutes: ECHO, limits: limitsWith({ addressRate: ANYWHERE }), rateOf: () => ANYWHERE, ...changed });
}

type Draft = { target: string; method: string; headers: Record<string, string>; body: Uint8Array };

const dendrites = new Map<Hotkey, LegacyDendrite>();

/** A correctly signed request as parts that a test can spoil. */
function draft(name: LegacyName, fields: Record<string, unknown>, from: Hotkey = validator, aheadMs = 0): Draft & { message: LegacyMessage } {
  const clock = new FakeClock();
  clock.advance(aheadMs);
  const dendrite = aheadMs === 0 ? (dendrites.get(from) ?? new LegacyDendrite({ hotkey: from, clock })) : new LegacyDendrite({ hotkey: from, clock });
  if (aheadMs === 0) dendrites.set(from, dendrite);
  const message = dendrite.sign(PEER, name, fields, 12);
  const body = legacyBody(message);
  return { target: `/${name}`, method: "POST", headers: { ...legacyHeaders(message), "content-length": String(body.length) }, body, message };
}

function requestOf({ target, method, headers, body }: Draft): Request {
  return new Request(`http://10.0.0.1:8091${target}`, { method, headers, ...(method === "GET" ? {} : { body: body as Uint8Array<ArrayBuffer> }) });
}

describe("legacyBodyHash()", () => {
  test("is the SDK's for no fields and for one", () => {
    // Facts 2.4: taken from bittensor 10.2 running.
    expect(legacyBodyHash("Synapse", {})).toBe("a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a");
    expect(legacyBodyHash("Retrieve", { key: "7" })).toBe("2792065dc8ce849c2fd6bac2c0189934746b514c4a2b273d8381b60a0dc253fb");
  });

  test("changes with every hashed field, and where one ends", () => {
    const hashes = [{ key: "a", data: "bc" }, { key: "ab", data: "c" }, { key: "a", data: "" }, { key: "", data: "a" }].map((fields) => legacyBodyHash("Store", fields));
    expect(new Set(hashes).size).toBe(4);
  });
});

describe("readLegacyAuth()", () => {
  test("keeps a nonce beyond 2^53 whole, and caps the time-out", () => {
    const { headers, message } = draft("Synapse", {});
    const read = (timeout: string) => readLegacyAuth((name) => ({ ...headers, timeout })[name] ?? null)!;
    expect(read("12").nonce).toBe(message.dendrite.nonce!);
    expect(["0", "1.5", "6", "12.0", "1e9", "-5", "NaN", "999999999", ""].map((timeout) => read(timeout).maxAgeMs)).toEqual([4000, 5500, 10_000, 10_000, 4000, 4000, 4000, 10_000, 4000]);
  });
});

describe("createAxon(), the old protocol: a request in order", () => {
  test("is answered in Python's form, signed for its caller", async () => {
    const { axon } = legacyAxon();
    const sent = draft("Retrieve", { key: "7" });
    const response = await axon(requestOf(sent), ADDRESS);
    expect(response.status).toBe(200);
    for (const [name] of response.headers) expect(name).toBe(name.toLowerCase());
    expect(response.headers.get("bt_header_axon_status_code")).toBe("200");
    expect(response.headers.get("content-type")).toBe("application/json");
    const body = await response.bytes();
    expect(verifyResponse((name) => response.headers.get(name), { status: 200, body, nonce: sent.message.dendrite.nonce!, requester: validator.ss58 }, miner.ss58)).toBe("signed");
    const text = new TextDecoder().decode(body);
    expect(text).toContain(`"nonce":${sent.message.dendrite.nonce},`);
    expect(JSON.parse(text)).toMatchObject({ name: "Retrieve", key: "7", data: "got 7", timeout: 12, axon: { status_code: 200, hotkey: miner.ss58 }, dendrite: { hotkey: validator.ss58 } });
  });

  test("hands on the authenticated caller and signed fields, whatever else the body says", async () => {
    const seen: unknown[] = [];
    const { axon } = legacyAxon({ legacyRoutes: { Retrieve: async (caller, fields) => (seen.push([caller, fields]), {}) } });
    const sent = draft("Retrieve", { key: "7" }, plain);
    const forged = utf8(JSON.stringify({ ...JSON.parse(new TextDecoder().decode(sent.body)), dendrite: { hotkey: validator.ss58 }, data: "x", __proto__: { a: 1 } }));
    await axon(requestOf({ ...sent, body: forged, headers: { ...sent.headers, "content-length": String(forged.length) } }), ADDRESS);
    expect(seen).toEqual([[plain.ss58, { key: "7" }]]);
  });

  test("may be refused by its handler, signed, in Python's form", async () => {
    const { axon } = legacyAxon();
    const response = await axon(requestOf(draft("Store", { key: "7", data: "x" })), ADDRESS);
    expect(response.headers.get("bt_header_axon_status_code")).toBe("501");
    expect(response.headers.has("x-btstore-signature")).toBe(true);
    expect(await response.json()).toEqual({ error: "NotServed", message: REFUSALS.NotServed[1] });
  });

  test("is 500 with the log's own words when the handler fails", async () => {
    const { axon, errors } = legacyAxon({ legacyRoutes: { Synapse: async () => JSON.parse("evil") } });
    expect(await said(await axon(requestOf(draft("Synapse", {})), ADDRESS))).toBe("500 Failed");
    expect(errors).toEqual([expect.objectContaining({ message: 'Serving "Synapse" failed', error: "SyntaxError" })]);
  });
});

describe("createAxon(), the old protocol: who may call, and when", () => {
  const ask = async (sent: Draft, axon = legacyAxon().axon) => said(await axon(requestOf(sent), ADDRESS));

  test("refuses strangers and the banned before it reads the body", async () => {
    const { axon } = legacyAxon();
    for (const [from, expected] of [[stranger, "403 NotRegistered"], [banned, "403 Banned"], [plain, "200 ok"]] as const) {
      const request = requestOf(draft("Synapse", {}, from));
      expect(await said(await axon(request, ADDRESS))).toBe(expected);
      expect(request.bodyUsed).toBe(expected === "200 ok");
    }
  });

  test("takes nonces from 10 s ago to 2 s ahead, less far back for a shorter time-out, whatever version is claimed", async () => {
    const at = (ms: number, changed: Record<string, string> = {}) => {
      const sent = draft("Synapse", {}, validator, ms);
      return ask({ ...sent, headers: { ...sent.headers, ...changed } });
    };
    expect(await Promise.all([-10_001, -9_999, 1_998, 2_001, 1e12].map((ms) => at(ms)))).toEqual(["401 StaleRequest", "200 ok", "200 ok", "401 StaleRequest", "401 StaleRequest"]);
    expect(await at(-9_999, { timeout: "1" })).toBe("401 StaleRequest");
    expect(await at(-10_001, { timeout: "100000" })).toBe("401 StaleRequest");
    expect(await at(-10_001, { bt_header_dendrite_version: "720" })).toBe("426 CallerOutdated");
    expect(await at(-1, { bt_header_dendrite_version: "720" })).toBe("200 ok");
  });

  test("refuses a replay, of whatever order and uuid, also where the native protocol had the nonce", async () => {
    const { axon } = legacyAxon();
    const [first, second] = [draft("Synapse", {}), draft("Synapse", {})];
    expect(await ask(second, axon)).toBe("200 ok");
    expect(await ask(first, axon)).toBe("200 ok");
    expect(await ask(second, axon)).toBe("401 ReplayedRequest");
    expect(await ask(first, axon)).toBe("401 ReplayedRequest");
  });

  test("has the limits of its row, with Retry-After", async () => {
    const { axon } = legacyAxon({ rateOf: () => ({ perSecond: 0.1, burst: 1 }) });
    expect(await ask(draft("Synapse", {}), axon)).toBe("200 ok");
    const response = await axon(requestOf(draft("Synapse", {})), ADDRESS);
    expect([response.status, response.headers.get("retry-after"), response.headers.get("bt_header_axon_status_code")]).toEqual([429, "10", "429"]);
    expect(await ask(draft("Store", { key: "7", data: "x".repeat(16_384) }))).toBe("413 TooLarge");
  });

  test("is not spoken where no route is given", async () => {
    expect(await ask(draft("Synapse", {}), testAxon().axon)).toBe("404 NotFound");
    expect(await ask({ ...draft("Synapse", {}), target: "/synapse" })).toBe("404 NotFound");
  });
});

describe("createAxon(), another version of the native protocol", () => {
  test("says who must upgrade", async () => {
    const { axon } = testAxon();
    const at = async (path: string) => said(await axon(new Request(`http://10.0.0.1${path}`, { method: "POST" }), ADDRESS));
    expect([await at("/btstore/0/Ping"), await at("/btstore/2/Ping"), await at("/btstore/1/Pong"), await at("/btstore/x/Ping")]).toEqual([
      "426 CallerOutdated", "501 AxonOutdated", "404 NotFound", "404 NotFound",
    ]);
  });
});

describe("createAxon(), the old protocol: tampering", () => {
  async function spoiled(change: (sent: Draft) => void): Promise<string> {
    const sent = draft("Store", { key: "clé", data: "0123456789" });
    change(sent);
    const response = await legacyAxon().axon(requestOf(sent), ADDRESS);
    expect(response.headers.has("x-btstore-signature")).toBe(response.status === 501);
    return said(response);
  }

  const bodyOf = (sent: Draft, changed: object) => {
    sent.body = utf8(JSON.stringify({ ...JSON.parse(new TextDecoder().decode(sent.body)), ...changed }));
    sent.headers["content-length"] = String(sent.body.length);
  };

  const spoilers: Record<string, [expected: string, change: (sent: Draft) => void]> = {
    "nothing spoiled": ["501 NotServed", () => {}],
    "no signature": ["401 MalformedAuth", (sent) => void delete sent.headers.bt_header_dendrite_signature],
    "an empty signature": ["401 MalformedAuth", (sent) => void (sent.headers.bt_header_dendrite_signature = "")],
    "an empty hex signature": ["401 MalformedAuth", (sent) => void (sent.headers.bt_header_dendrite_signature = "0x")],
    "a signature of zeros": ["401 BadSignature", (sent) => void (sent.headers.bt_header_dendrite_signature = `0x${"0".repeat(128)}`)],
    "another's hotkey": ["401 BadSignature", (sent) => void (sent.headers.bt_header_dendrite_hotkey = plain.ss58)],
    "another nonce": ["401 BadSignature", (sent) => void (sent.headers.bt_header_dendrite_nonce = String(BigInt(sent.headers.bt_header_dendrite_nonce!) + 1n))],
    "a nonce that is no number": ["401 MalformedAuth", (sent) => void (sent.headers.bt_header_dendrite_nonce = "1e18")],
    "another uuid": ["401 BadSignature", (sent) => void (sent.headers.bt_header_dendrite_uuid = "0")],
    "a uuid with dots": ["401 MalformedAuth", (sent) => void (sent.headers.bt_header_dendrite_uuid = "a.b")],
    "another receiver": ["401 WrongReceiver", (sent) => void (sent.headers.bt_header_axon_hotkey = stranger.ss58)],
    "another message": ["401 BodyHashMismatch", (sent) => void (sent.target = "/Retrieve")],
    "a body hash that fits the body but is not signed": ["401 BadSignature", (sent) => {
      bodyOf(sent, { data: "x" });
      sent.headers.computed_body_hash = legacyBodyHash("Store", { key: "clé", data: "x" });
    }],
    "other data": ["401 BodyHashMismatch", (sent) => bodyOf(sent, { data: "0123456788" })],
    "another key": ["401 BodyHashMismatch", (sent) => bodyOf(sent, { key: "cle" })],
    "data that is no text": ["400 MalformedMessage", (sent) => bodyOf(sent, { data: 123456789 })],
    "data as a list of itself": ["400 MalformedMessage", (sent) => bodyOf(sent, { data: ["0123456789"] })],
    "no data": ["400 MalformedMessage", (sent) => bodyOf(sent, { data: undefined })],
    "half a character": ["400 MalformedMessage", (sent) => bodyOf(sent, { data: "\ud83d" })],
    "bytes that are no UTF-8": ["400 MalformedMessage", (sent) => void (sent.body[sent.body.indexOf(0xc3)] = 0xff)],
    "a body that is no JSON": ["400 MalformedMessage", (sent) => void (sent.body[0] = 0x5b)],
    "brackets without end": ["400 MalformedMessage", (sent) => void (sent.body.fill(0x5b))],
    "the fields in the headers only": ["400 MalformedMessage", (sent) => {
      sent.headers.bt_header_input_obj_data = btoa('"0123456789"');
      bodyOf(sent, { data: undefined });
    }],
    "GET": ["405 MethodNotAllowed", (sent) => void (sent.method = "GET")],
    "no Content-Length": ["411 LengthRequired", (sent) => void delete sent.headers["content-length"]],
    "headers above 8 KiB": ["431 HeaderTooLarge", (sent) => void (sent.headers.filler = "x".repeat(8192))],
  };
  for (const [what, [expected, change]] of Object.entries(spoilers)) {
    test(`answers ${what} with ${expected}`, async () => {
      expect(await spoiled(change)).toBe(expected);
    });
  }

  test("a spoiled request does not use up its nonce", async () => {
    const { axon } = legacyAxon();
    const sent = draft("Retrieve", { key: "7" });
    const other = draft("Retrieve", { key: "8" });
    expect(await said(await axon(requestOf({ ...sent, body: other.body, headers: { ...sent.headers, "content-length": String(other.body.length) } }), ADDRESS))).toBe("401 BodyHashMismatch");
    expect(await said(await axon(requestOf(sent), ADDRESS))).toBe("200 ok");
  });
});

describe("createAxon(), the old protocol: anything at all", () => {
  const statuses = new Set<number>(Object.values(REFUSALS).map(([status]) => status));
  statuses.delete(500);
  const honest = draft("Retrieve", { key: "7" });
  const text = fc.stringMatching(/^[ -~]{0,80}$/).map((value) => value.trim());
  const names = Object.keys(honest.headers);

  test("is answered with a refusal of the table, never 500, never an exception", async () => {
    const { axon, errors } = legacyAxon();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("Synapse", "GetAllocation", "Retrieve", "Store"),
        fc.dictionary(fc.constantFrom(...names), fc.oneof(text, fc.constantFrom(...Object.values(honest.headers))), { minKeys: 1, maxKeys: 6 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.subarray(names, { minLength: names.length - 3 }),
        async (name, headers, body, kept) => {
          const request = new Request(`http://10.0.0.1/${name}`, {
            method: "POST", headers: { ...Object.fromEntries(kept.map((field) => [field, honest.headers[field]!])), ...headers }, body: body as Uint8Array<ArrayBuffer>,
          });
          const response = await axon(request, ADDRESS);
          expect(statuses).toContain(response.status);
          expect(response.headers.has("x-btstore-signature")).toBe(false);
        },
      ),
      { numRuns: 1000, seed: 11 },
    );
    expect(errors).toEqual([]);
  });

  test("when signed by a caller, in a body of any JSON or bytes, is answered or refused, never 500", async () => {
    const seen = new Set<number>();
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map(utf8),
      fc.record({ key: fc.oneof(fc.string({ unit: "binary" }), fc.jsonValue()), data: fc.jsonValue(), ["__proto__"]: fc.jsonValue() }).map((value) => utf8(JSON.stringify(value))),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom<LegacyName>("Synapse", "GetAllocation", "Retrieve"), fc.string({ unit: "binary" }), fc.option(body), async (name, key, other) => {
        // An axon each: forgeries have a rate.
        const { axon, errors } = legacyAxon();
        const sent = draft(name, { key, allocation: {} });
        const used = other ?? sent.body;
        const response = await axon(requestOf({ ...sent, body: used, headers: { ...sent.headers, "content-length": String(used.length) } }), ADDRESS);
        seen.add(response.status);
        if (other === null) expect(await response.json()).toMatchObject(name === "Retrieve" ? { key, data: `got ${key}` } : { name });
        else expect([200, 400, 401]).toContain(response.status);
        expect(errors).toEqual([]);
      }),
      { numRuns: 200, seed: 12 },
    );
    expect([...seen].sort()).toEqual([200, 400, 401]);
  });
});

describe("LegacyDendrite.call()", () => {
  const peerAt = (port: number) => ({ ...PEER, ip: "127.0.0.1", port });

  test("takes our axon's answer, and knows that it is signed", async () => {
    const { axon, clock } = legacyAxon();
    const listening = listenAxon(axon, { ip: "127.0.0.1", port: 0 });
    const dendrite = new LegacyDendrite({ hotkey: validator, clock });
    expect(await dendrite.call(peerAt(listening.port), "Retrieve", { key: "7" }, 5_000)).toMatchObject({ kind: "ok", isSigned: true, fields: { data: "got 7" } });
    expect(await dendrite.call(peerAt(listening.port), "Store", { key: "7", data: "" }, 5_000)).toEqual({ kind: "refused", status: 501 });
    await listening.stop();
    expect(await dendrite.call(peerAt(listening.port), "Synapse", {}, 5_000)).toEqual({ kind: "offline" });
    expect(dendrite.call(peerAt(1), "Retrieve", { key: 7 }, 5_000)).rejects.toThrow("Retrieve.key: expected a text, got number");
  });

  test("takes nothing that is no JSON object, too long or wrongly signed, follows no redirect and waits no longer", async () => {
    const answers: [response: () => Response | Promise<Response>, kind: string][] = [
      [() => new Response("[]"), "badAnswer"],
      [() => new Response("x".repeat(100_000)), "badAnswer"],
      [() => new Response("{}", { headers: { "X-Btstore-Signature": "0x00" } }), "badAnswer"],
      [() => Response.redirect("http://127.0.0.1:1/"), "refused"],
      [() => new Promise(() => {}), "late"],
    ];
    for (const [answer, kind] of answers) {
      const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer });
      const dendrite = new LegacyDendrite({ hotkey: validator, clock: new FakeClock() });
      expect((await dendrite.call(peerAt(server.port!), "Synapse", {}, kind === "late" ? 50 : 5_000)).kind).toBe(kind as "late");
      await server.stop(true);
    }
  });
});
