import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type HopAnswer, type HopRequest, decodeOpeningRequest, encodeHopAnswer, encodeOpenings } from "../../lib/audit/mod.ts";
import { WORKER_LAG_MAX_MS } from "../../lib/core/mod.ts";
import { askHops, askOpenings } from "../../lib/validator/exchange.ts";
import { Dendrite, Refusal, type Outcome, type Peer as Address, type SynapseHandler } from "../../lib/wire/mod.ts";
import { SeededRandom } from "../reference/random.ts";
import { IP, type LightMiner, MINUTE_MS, TestClock, WINDOWS, dendriteClock, honest, key, settled, startLightMiner, until } from "../miner/fixture.ts";
import { deadAddress, declaredBy, serveRoutes, serveSocket, unsigned } from "./fixture.ts";

setDefaultTimeout(30_000);

const validator = key("Validator");
const bob = key("Bob");
const GENESIS = new Uint8Array(32).fill(9);
/** Longer than loopback ever takes on a busy machine, where the time is not what is tested. */
const PATIENT_MS = 20_000;
const never = new AbortController().signal;

let dendrite: Dendrite;
let miner: LightMiner;
let declared: Awaited<ReturnType<typeof declaredBy>>;
beforeAll(async () => {
  dendrite = new Dendrite({ hotkey: validator, clock: dendriteClock });
  miner = startLightMiner(bob, validator.ss58, GENESIS);
  declared = await declaredBy(miner, validator);
});
afterAll(async () => {
  await dendrite.close();
  await miner.stop();
});

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});
function keep<Server extends { stop(): Promise<void> }>(server: Server): Server {
  open.push(server);
  return server;
}

const request = (): HopRequest => ({ nonce: crypto.getRandomValues(new Uint8Array(32)), digest: declared.digest });
const address = (): Address => ({ hotkey: bob.ss58, ip: IP, port: miner.port });
const serve = (name: "Hops" | "Openings", handler: SynapseHandler) => keep(serveRoutes(bob, { [name]: handler })).address;

/** A dendrite that says what it is told: for timings that no test can wait for. */
const saying = (...outcomes: Outcome[]) => ({ call: async () => outcomes.shift()! }) as unknown as Dendrite;
const okay = (elapsedMs: number, lagMs: number): Outcome => ({ kind: "ok", body: new Uint8Array(1024), elapsedMs, lagMs });

describe("askHops()", () => {
  const ask = (peer: Address, deadlineMs = PATIENT_MS, signal = never) => askHops(dendrite, peer, request(), deadlineMs, signal);

  test("takes a well-formed answer in time, whatever it holds", async () => {
    expect(await ask(address())).toMatchObject({ kind: "answered", hopAnswer: { links: { length: 16 }, roots: { length: 16 } } });
  });

  test("a signed refusal is a failure", async () => {
    const refusing = serve("Hops", async () => new Refusal("Unknown"));
    expect(await ask(refusing)).toMatchObject({ kind: "verdict", verdict: { kind: "fail", fault: "refused", place: null }, body: null });
  });

  test("a signed answer of another length is malformed", async () => {
    for (const length of [0, 1023, 1025, 4096]) {
      const answering = serve("Hops", async () => new Uint8Array(length));
      const result = await ask(answering);
      expect(result, `${length} bytes`).toMatchObject({ kind: "verdict", verdict: { kind: "fail", fault: "malformed_hops", place: null } });
      if (result.kind === "verdict") expect(result.body?.length, `${length} bytes`).toBe(length);
    }
  });

  test("junk, an unsigned answer and one without end are nobody's: offline", async () => {
    const answers = ["SSH-2.0-OpenSSH_9.9\r\n\r\n", unsigned(200, new Uint8Array(1024)), unsigned(200, "<html>Log in to this network</html>"), "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"];
    for (const bytes of answers) {
      const { address: at } = keep(await serveSocket(bob, (socket) => void socket.write(bytes)));
      expect(await ask(at)).toMatchObject({ kind: "verdict", verdict: { kind: "offline" }, body: null });
    }
  });

  test("a refusal that nobody signed, another hotkey's axon, and a closed connection are offline", async () => {
    const refusing = keep(await serveSocket(bob, (socket) => void socket.write(unsigned(403, '{"error":"Banned"}'))));
    const closing = keep(await serveSocket(bob, (socket) => void socket.end()));
    const foreign = keep(serveRoutes(key("Eve"), { Hops: async () => new Uint8Array(1024) }));
    for (const at of [refusing.address, closing.address, { ...foreign.address, hotkey: bob.ss58 }, await deadAddress(bob), { hotkey: bob.ss58, ip: "0.0.0.0", port: 0 }]) {
      expect(await ask(at)).toMatchObject({ kind: "verdict", verdict: { kind: "offline" }, body: null });
    }
  });

  test("an answer that stalls is late", async () => {
    const stalled = keep(await serveSocket(bob, () => {}));
    const dripping = keep(await serveSocket(bob, (socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n")));
    for (const at of [stalled.address, dripping.address]) {
      const result = await ask(at, 30);
      // A stall of our own worker is the one other thing that may be said, on a machine that is busy enough.
      if (result.kind !== "verdict" || result.verdict.kind !== "unknown") expect(result).toMatchObject({ kind: "verdict", verdict: { kind: "late", deadlineMs: 30 }, body: null });
    }
  });

  test("in time is up to the deadline, and a worker that lagged knows nothing", async () => {
    const judge = async (outcome: Outcome) => {
      const result = await askHops(saying(outcome), address(), request(), 1000, never);
      return result.kind === "verdict" ? result.verdict.kind : result.kind;
    };
    expect(await judge(okay(1000, WORKER_LAG_MAX_MS))).toBe("answered");
    expect(await judge(okay(1000.1, 0))).toBe("late");
    expect(await judge(okay(1000, WORKER_LAG_MAX_MS + 0.1))).toBe("unknown");
    const timing = { elapsedMs: 10, lagMs: WORKER_LAG_MAX_MS + 1 };
    const lagged: Outcome[] = [
      { kind: "late", ...timing }, { kind: "offline", fault: "closed", ...timing }, { kind: "badAnswer", fault: "malformed", ...timing },
      { kind: "refused", status: 404, reason: "Unknown", isSigned: true, retryAfterSeconds: null, ...timing },
    ];
    for (const outcome of lagged) expect(await judge(outcome), outcome.kind).toBe("unknown");
  });

  test("the signal ends it without a verdict", async () => {
    const stalled = keep(await serveSocket(bob, () => abort.abort()));
    const abort = new AbortController();
    expect(await ask(stalled.address, PATIENT_MS, abort.signal)).toEqual({ kind: "cancelled" });
  });
});

describe("askOpenings()", () => {
  const random = new SeededRandom(1);

  /** Hops as the honest miner answers them. */
  async function answered(hopRequest: HopRequest): Promise<HopAnswer> {
    const { source } = miner.partition;
    return honest.hops({ stripeCount: 4, ...source }, hopRequest);
  }

  async function ask(peer: Address, changed: { hopAnswer?: HopAnswer; dendrite?: Dendrite; clock?: TestClock; signal?: AbortSignal } = {}) {
    const hopRequest = request();
    const hopAnswer = changed.hopAnswer ?? (await answered(hopRequest));
    return askOpenings(changed.dendrite ?? dendrite, { address: peer }, declared, hopRequest, hopAnswer, {
      random: (length) => random.bytes(length), clock: changed.clock ?? new TestClock(), windows: WINDOWS, signal: changed.signal ?? never,
    });
  }

  test("an honest miner passes, and all its pieces are opened", async () => {
    const asked = (await ask(address()))!;
    expect(asked.result.verdict).toEqual({ kind: "pass" });
    expect(asked.result.opened.length).toBe(32);
    expect(asked.body!.length).toBeGreaterThan(32 * 2048);
  });

  test("a wrong link is found at its hop", async () => {
    const hopRequest = request();
    const hopAnswer = await answered(hopRequest);
    const links = hopAnswer.links.with(15, hopAnswer.links[15]!.with(0, hopAnswer.links[15]![0]! ^ 1));
    const asked = await askOpenings(dendrite, { address: address() }, declared, hopRequest, { ...hopAnswer, links }, { random: (length) => random.bytes(length), clock: new TestClock(), windows: WINDOWS, signal: never });
    expect(asked!.result.verdict).toMatchObject({ kind: "fail", fault: "link_mismatch", place: { hop: 15 } });
    expect(asked!.result.opened).toEqual([]);
  });

  test("a signed answer that is none is final", async () => {
    let calls = 0;
    const answering = serve("Openings", async () => (calls++, new Uint8Array(100)));
    const asked = (await ask(answering))!;
    expect([asked.result.verdict, calls, asked.body!.length]).toEqual([{ kind: "fail", fault: "malformed_openings", place: null }, 1, 100]);
  });

  test("asks again after 0.5 s and longer each time, with the same picks, until they come", async () => {
    const clock = new TestClock();
    const bodies: Uint8Array[] = [];
    const moody = serve("Openings", async (_caller, body) => {
      bodies.push(body);
      if (bodies.length < 5) return new Refusal(bodies.length % 2 === 0 ? "Busy" : "Unknown");
      return encodeOpenings(await honest.openings({ stripeCount: 4, ...miner.partition.source }, decodeOpeningRequest(body)!));
    });
    const asking = ask(moody, { clock });
    for (const pauseMs of [500, 1000, 2000, 4000]) {
      await until(() => clock.waitingMs.length === 1);
      expect(clock.waitingMs).toEqual([pauseMs]);
      await clock.advance(pauseMs);
    }
    expect((await asking)!.result.verdict).toEqual({ kind: "pass" });
    expect(new Set(bodies.map((body) => Buffer.from(body).toString("hex"))).size).toBe(1);
    expect(bodies.length).toBe(5);
  });

  test("asks where the miner is by then, if it moved", async () => {
    const clock = new TestClock();
    const peer = { address: await deadAddress(bob) };
    const hopRequest = request();
    const asking = askOpenings(dendrite, peer, declared, hopRequest, await answered(hopRequest), { random: (length) => random.bytes(length), clock, windows: WINDOWS, signal: never });
    await until(() => clock.waitingMs.length === 1);
    peer.address = address();
    await clock.advance(500);
    expect((await asking)!.result.verdict).toEqual({ kind: "pass" });
  });

  test("final silence is a failure after ten protocol minutes, whatever kind of silence it is", async () => {
    const timing = { elapsedMs: 1, lagMs: 0 };
    const silences: Outcome[] = [
      { kind: "refused", status: 404, reason: "Unknown", isSigned: true, retryAfterSeconds: null, ...timing }, { kind: "refused", status: 403, reason: "unnamed", isSigned: false, retryAfterSeconds: 9999, ...timing },
      { kind: "offline", fault: "unreachable", ...timing }, { kind: "late", ...timing }, { kind: "badAnswer", fault: "unsigned", ...timing },
    ];
    for (const silence of silences) {
      const clock = new TestClock();
      let calls = 0;
      const mute = { call: async () => (calls++, silence) } as unknown as Dendrite;
      const asking = ask(address(), { clock, dendrite: mute });
      let isOver = false;
      void asking.then(() => (isOver = true));
      await until(() => clock.waitingMs.length === 1);
      while (!isOver) await clock.advance(clock.waitingMs[0] ?? 0);
      expect((await asking)!).toMatchObject({ result: { verdict: { kind: "fail", fault: "silent", place: null }, opened: [] }, body: null });
      // Pauses double from 0.5 s up to 30 s.
      expect(calls, silence.kind).toBe(25);
      expect(clock.monotonic()).toBeLessThanOrEqual(10 * MINUTE_MS);
      expect(clock.monotonic()).toBeGreaterThan(9.4 * MINUTE_MS);
    }
  });

  test("the signal ends a call and a pause alike, without a verdict", async () => {
    const whileCalling = new AbortController();
    const stalled = keep(await serveSocket(bob, () => whileCalling.abort()));
    expect(await ask(stalled.address, { signal: whileCalling.signal })).toBeNull();

    const whilePausing = new AbortController();
    const clock = new TestClock();
    const asking = ask(serve("Openings", async () => new Refusal("Busy")), { clock, signal: whilePausing.signal });
    await until(() => clock.waitingMs.length === 1);
    whilePausing.abort();
    expect(await asking).toBeNull();
  });

  test("an answer built on other hops fails, and does not throw", async () => {
    const junk = { links: new Array<Uint8Array>(16).fill(new Uint8Array(32)), roots: new Array<Uint8Array>(16).fill(new Uint8Array(32)) };
    expect(encodeHopAnswer(junk).length).toBe(1024);
    const asked = await ask(address(), { hopAnswer: junk });
    expect(asked!.result.verdict.kind).toBe("fail");
    await settled();
  });
});
