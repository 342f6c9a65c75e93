/** Our wire against the real `bittensor` packages: the axon and dendrite of 10.5.0, the btauth/1 helpers of 11.3.0. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Clock, silentLog, systemClock, utf8 } from "../../lib/core/mod.ts";
import { OPEN_TO_REGISTERED, type CallerPolicy } from "../../lib/miner/mod.ts";
import { standingOf } from "../../lib/miner/callers.ts";
import { legacyRoutes } from "../../lib/miner/legacy.ts";
import { cryptoReady, keypairFromUri } from "../../lib/wallet/mod.ts";
import { type ListeningAxon, createAxon, listenAxon } from "../../lib/wire/mod.ts";
import { NonceSource, signRequest } from "../../lib/wire/btauth.ts";
import { legacyBody, legacyHeaders } from "../../lib/wire/legacy.ts";
import { LegacyDendrite } from "../../lib/wire/legacy_dendrite.ts";
import { type Python, startPython } from "./python.ts";
import { interpreter } from "./venv.ts";

// Importing the package takes seconds of a core that others may be using; the first run also installs it.
setDefaultTimeout(240_000);
await cryptoReady();

const IP = "127.0.0.1";
const miner = keypairFromUri("//Bob");
const validator = keypairFromUri("//Alice");
const stranger = keypairFromUri("//Eve");
const ALLOCATION = { owner: miner.ss58, validator: validator.ss58, size: 2 ** 20, n_chunks: 1, seed: miner.ss58 + validator.ss58, netuid: 1, chunk_size: 2 ** 20, sectors: 1, seal: "btstore1" };

/** A clock that is ahead of the machine's by `aheadMs`. */
const shifted = { aheadMs: 0 };
const clock: Clock = { ...systemClock, now: () => Date.now() + shifted.aheadMs };
const policy: CallerPolicy = { ...OPEN_TO_REGISTERED };

function startAxon(): ListeningAxon {
  const axon = createAxon({
    hotkey: miner, clock, log: silentLog, notBeforeMs: 0,
    routes: { Ping: async (_caller, body) => body },
    legacyRoutes: legacyRoutes((caller) => (caller === validator.ss58 ? ALLOCATION : null)),
    whoIs: (hotkey) => standingOf(policy, hotkey, hotkey === validator.ss58 ? { hasValidatorPermit: true, stake: 0n } : null),
  });
  return listenAxon(axon, { ip: IP, port: 0 });
}

/** What a request is answered with: the status, and our name for a refusal. */
async function send(url: string, headers: Record<string, string>, body: string | Uint8Array): Promise<[number, unknown]> {
  const response = await fetch(url, { method: "POST", headers, body: body as string });
  const text = await response.text();
  return [response.status, text.startsWith("{") ? (JSON.parse(text) as { error?: unknown }).error : undefined];
}

const v10 = await interpreter("10.5.0");
const v11 = await interpreter("11.3.0");

describe.skipIf(v10 === null)("bittensor 10.5.0's dendrite and our axon", () => {
  let python: Python;
  let axon: ListeningAxon;
  beforeAll(() => {
    python = startPython(v10!, "wire_v10.py");
    axon = startAxon();
  });
  afterAll(async () => {
    await python.stop();
    await axon.stop();
  });
  const call = (name: string, fields: object = {}, uri = "//Alice") => python.ask({ op: "call", name, fields, uri, ip: IP, port: axon.port, hotkey: miner.ss58 });
  const sign = (name: string, fields: object = {}, hotkey: string = miner.ss58) => python.ask({ op: "sign", name, fields, uri: "//Alice", ip: IP, port: axon.port, hotkey });
  const post = (name: string, { headers, body }: { headers: Record<string, string>; body: string }) =>
    send(`http://${IP}:${axon.port}/${name}`, { ...headers, "content-type": "application/json" }, body);

  test("ping is answered, and the dendrite takes it for success", async () => {
    const answer = await call("Synapse");
    expect(answer).toMatchObject({ status: 200, message: "Success", isSuccess: true });
    expect(answer.body.axon.hotkey).toBe(miner.ss58);
    expect(answer.body.timeout).toBe(10);
  });

  test("GetAllocation is the caller's partition, Retrieve knows no key, Store says it is not served", async () => {
    expect((await call("GetAllocation", { allocation: {} })).body.allocation).toEqual(ALLOCATION);
    expect(await call("Retrieve", { key: "clé 7 \"\\ 鍵 😀" })).toMatchObject({ status: 200, isSuccess: true, body: { data: null } });
    expect(await call("Store", { key: "7", data: "x" })).toMatchObject({ status: 501, message: expect.stringContaining("btstore put"), isSuccess: false });
  });

  test("strangers and the banned get 403 with what to do", async () => {
    expect(await call("Synapse", {}, "//Eve")).toMatchObject({ status: 403, message: "Register the hotkey on this subnet" });
    Object.assign(policy, { banned: new Set([validator.ss58]) });
    expect(await call("Synapse")).toMatchObject({ status: 403, message: "This hotkey is not welcome here" });
    Object.assign(policy, OPEN_TO_REGISTERED, { allowed: new Set([stranger.ss58]) });
    expect(await call("Synapse", {}, "//Eve")).toMatchObject({ status: 200 });
    Object.assign(policy, OPEN_TO_REGISTERED);
  });

  test("its requests sent by others: replayed, tampered, stale, unsigned and misdirected ones are refused", async () => {
    const sent = await sign("Retrieve", { key: "7" });
    expect(await post("Retrieve", { ...sent, body: sent.body.replace('"key": "7"', '"key": "8"') })).toEqual([401, "BodyHashMismatch"]);
    expect(await post("Retrieve", { ...sent, headers: { ...sent.headers, bt_header_dendrite_uuid: "another" } })).toEqual([401, "BadSignature"]);
    expect(await post("Retrieve", sent)).toEqual([200, undefined]);
    expect(await post("Retrieve", sent)).toEqual([401, "ReplayedRequest"]);
    for (const signature of ["", "0x", `0x${"00".repeat(64)}`]) {
      const unsigned = await sign("Retrieve", { key: "7" });
      const [status] = await post("Retrieve", { ...unsigned, headers: { ...unsigned.headers, bt_header_dendrite_signature: signature } });
      expect(status, signature).toBe(401);
    }
    const { bt_header_axon_hotkey: _receiver, ...unaddressed } = (await sign("Synapse", {}, stranger.ss58)).headers as Record<string, string>;
    expect(await post("Synapse", await sign("Synapse", {}, stranger.ss58))).toEqual([401, "WrongReceiver"]);
    expect(await post("Synapse", { headers: unaddressed, body: "{}" })).toEqual([401, "BadSignature"]);
    shifted.aheadMs = 11_000;
    expect(await post("Synapse", await sign("Synapse"))).toEqual([401, "StaleRequest"]);
    shifted.aheadMs = -60_000;
    expect(await post("Synapse", await sign("Synapse"))).toEqual([401, "StaleRequest"]);
    shifted.aheadMs = 0;
  });
});

describe.skipIf(v10 === null)("our legacy dendrite and bittensor 10.5.0's axon", () => {
  let python: Python;
  let port: number;
  beforeAll(async () => {
    python = startPython(v10!, "wire_v10.py");
    ({ port } = await python.ask({ op: "axon", uri: "//Bob" }));
  });
  afterAll(() => python.stop());
  const dendriteAt = (aheadMs = 0) => new LegacyDendrite({ hotkey: validator, clock: { ...systemClock, now: () => Date.now() + aheadMs } });
  const peer = () => ({ hotkey: miner.ss58, ip: IP, port });

  test("ping and every message are answered", async () => {
    const dendrite = dendriteAt();
    expect(await dendrite.call(peer(), "Synapse", {}, 10_000)).toMatchObject({ kind: "ok", isSigned: false });
    expect(await dendrite.call(peer(), "Retrieve", { key: "clé 鍵 😀" }, 10_000)).toMatchObject({ kind: "ok", fields: { data: "value of clé 鍵 😀" } });
    expect(await dendrite.call(peer(), "Store", { key: "7", data: "x".repeat(1000) }, 10_000)).toMatchObject({ kind: "ok" });
    expect(await dendrite.call(peer(), "GetAllocation", { allocation: {} }, 10_000)).toMatchObject({ kind: "ok", fields: { allocation: { n_chunks: 7 } } });
  });

  test("it refuses ours when stale, meant for another, replayed, tampered with or unsigned", async () => {
    expect(await dendriteAt(-60_000).call(peer(), "Synapse", {}, 10_000)).toEqual({ kind: "refused", status: 401 });
    expect(await dendriteAt().call({ ...peer(), hotkey: stranger.ss58 }, "Synapse", {}, 10_000)).toEqual({ kind: "refused", status: 401 });
    const message = dendriteAt().sign(peer(), "Retrieve", { key: "7" }, 10);
    const post = async (headers: Record<string, string>, body = legacyBody(message)) => (await send(`http://${IP}:${port}/Retrieve`, headers, body))[0];
    const { bt_header_dendrite_signature: _signature, ...unsigned } = legacyHeaders(message);
    expect(await post(unsigned)).toBe(401);
    expect(await post({ ...legacyHeaders(message), bt_header_dendrite_nonce: String(message.dendrite.nonce! + 1n) })).toBe(401);
    expect(await post(legacyHeaders(message))).toBe(200);
    expect(await post(legacyHeaders(message))).toBe(401);
    const another = dendriteAt().sign(peer(), "Retrieve", { key: "7" }, 10);
    expect(await post(legacyHeaders(another), legacyBody({ ...another, fields: { key: "8" } }))).toBe(500);
  });
});

describe.skipIf(v11 === null)("btauth/1 and bittensor 11.3.0", () => {
  let python: Python;
  let axon: ListeningAxon;
  beforeAll(() => {
    python = startPython(v11!, "wire_v11.py");
    axon = startAxon();
  });
  afterAll(async () => {
    await python.stop();
    await axon.stop();
  });
  const path = "/btstore/1/Ping";
  const body = utf8("twenty bytes of ping");
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  const signTheirs = (changed: object = {}) => python.ask({ op: "sign", uri: "//Alice", method: "POST", path, body: base64(body), receiver: miner.ss58, ...changed });
  const post = (headers: Record<string, string>, sent = body) => send(`http://${IP}:${axon.port}${path}`, headers, sent);

  test("our axon answers what theirs signed, once, unspoiled, in time, for us", async () => {
    const headers = await signTheirs();
    expect(await post(headers, utf8("twenty bytes of pong"))).toEqual([401, "BadSignature"]);
    expect(await post(headers)).toEqual([200, undefined]);
    expect(await post(headers)).toEqual([401, "ReplayedRequest"]);
    expect(await post(await signTheirs({ nonce: (Date.now() - 11_000) * 1e6 }))).toEqual([401, "StaleRequest"]);
    expect(await post(await signTheirs({ nonce: (Date.now() + 60_000) * 1e6 }))).toEqual([401, "StaleRequest"]);
    expect(await post(await signTheirs({ receiver: stranger.ss58 }))).toEqual([401, "WrongReceiver"]);
    expect(await post(await signTheirs({ receiver: null }))).toEqual([401, "MalformedAuth"]);
    expect(await post(await signTheirs({ uri: "//Eve" }))).toEqual([403, "NotRegistered"]);
    const { "X-Bittensor-Signature": _signature, ...unsigned } = await signTheirs();
    expect(await post(unsigned)).toEqual([401, "MalformedAuth"]);
  });

  test("their verifier takes what we sign, once, unspoiled, in time, for it", async () => {
    const nonces = new NonceSource(() => Date.now());
    const request = { method: "POST", target: `${path}?a=1&b=%20`, body };
    const ours = (nonce = nonces.next()) => signRequest(validator, miner.ss58, nonce, request);
    const verify = (headers: Record<string, string>, changed: object = {}) =>
      python.ask({ op: "verify", headers, body: base64(body), method: "POST", path: request.target, receiver: miner.ss58, ...changed });
    const headers = ours();
    expect(await verify(headers, { body: base64(utf8("other")) })).toEqual({ error: "BadSignature" });
    expect(await verify(headers, { path })).toEqual({ error: "BadSignature" });
    expect(await verify(headers, { receiver: stranger.ss58 })).toEqual({ error: "WrongReceiver" });
    expect(await verify(headers)).toEqual({ caller: validator.ss58 });
    expect(await verify(headers)).toEqual({ error: "ReplayedRequest" });
    expect(await verify(ours(BigInt(Date.now() - 11_000) * 1_000_000n))).toEqual({ error: "StaleRequest" });
    const { "X-Bittensor-Signature": _signature, ...unsigned } = ours();
    expect(await verify(unsigned)).toEqual({ error: "MalformedAuth" });
  });
});
