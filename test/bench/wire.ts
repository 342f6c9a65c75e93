/**
 * Signed requests on one core: how many an axon answers and refuses in a second, beside what the signatures alone cost.
 *
 * Expected limit: sr25519. An answered request is one verification and one signature; one that is refused before the
 * signature is a few header reads. The axon is called as the function it is; the last row adds the sockets: dendrite,
 * worker and `Bun.serve` in one process, so that it pays for both ends.
 *
 *     bun test/bench/wire.ts
 */
import { cpus } from "node:os";
import { silentLog, systemClock, toHex, utf8 } from "../../lib/core/mod.ts";
import { cryptoReady, keypairFromUri, verifySignature } from "../../lib/wallet/mod.ts";
import { NonceSource, signRequest } from "../../lib/wire/btauth.ts";
import { legacyBody, legacyHeaders } from "../../lib/wire/legacy.ts";
import { LegacyDendrite } from "../../lib/wire/legacy_dendrite.ts";
import { createAxon, Dendrite, listenAxon, WIRE_LIMITS } from "../../lib/wire/mod.ts";
import type { AxonHandler } from "../../lib/wire/mod.ts";

export type WireFigures = {
  readonly boundPerSecond: number;
  readonly answeredPerSecond: number;
  readonly legacyAnsweredPerSecond: number;
  readonly refusedPerSecond: number;
  readonly legacyRefusedPerSecond: number;
  readonly loopbackPerSecond: number;
  /** Milliseconds of the 20-byte ping on the dendrite's clock, and of the whole call. */
  readonly roundTripMs: { readonly median: number; readonly p99: number; readonly call: number };
  /** SHA-256 over the answered bodies. */
  readonly digest: string;
};

const UNLIMITED = { perSecond: 1e9, burst: 1e9 };
const LIMITS = { ...WIRE_LIMITS, addressRate: UNLIMITED, replayPairsMax: 1e7, replayPairsPerHotkeyMax: 1e7 };

/** @param requestCount Requests per row, 10 or more. Refusals are counted over twenty times as many. */
export async function measureWire(requestCount: number): Promise<WireFigures> {
  await cryptoReady();
  const miner = keypairFromUri("//Bob");
  const validator = keypairFromUri("//Alice");
  const stranger = keypairFromUri("//Eve");
  const axon = createAxon({
    hotkey: miner,
    routes: { Ping: async (_caller, body) => body },
    legacyRoutes: { Retrieve: async () => ({ data: null }) },
    whoIs: (hotkey) => (hotkey === validator.ss58 ? { isRegistered: true, hasPermit: true } : null),
    clock: systemClock,
    log: silentLog,
    notBeforeMs: 0,
    rateOf: () => UNLIMITED,
    limits: LIMITS,
  });
  const body = utf8("twenty bytes of ping");
  const nonces = new NonceSource(() => Date.now());
  const target = "/btstore/1/Ping";
  const requestFrom = (from: typeof validator) =>
    new Request(`http://127.0.0.1:8091${target}`, {
      method: "POST",
      headers: { ...signRequest(from, miner.ss58, nonces.next(), { method: "POST", target, body }), "Content-Length": String(body.length) },
      body: body as Uint8Array<ArrayBuffer>,
    });

  const peer = { hotkey: miner.ss58, ip: "127.0.0.1", port: 8091 };
  const legacyFrom = (from: typeof validator) => {
    const sent = new LegacyDendrite({ hotkey: from, clock: systemClock }).sign(peer, "Retrieve", { key: "twenty bytes of key." }, 12);
    const bytes = legacyBody(sent);
    return new Request("http://127.0.0.1:8091/Retrieve", { method: "POST", headers: { ...legacyHeaders(sent), "content-length": String(bytes.length) }, body: bytes as Uint8Array<ArrayBuffer> });
  };

  const message = new Uint8Array(250);
  const signature = validator.sign(message);
  const boundPerSecond = await rate(requestCount, async () => {
    if (!verifySignature(message, signature, validator.ss58)) throw new TypeError("bound: expected a valid signature");
    miner.sign(message);
  });

  const hash = new Bun.CryptoHasher("sha256");
  const answeredPerSecond = await answerRate(axon, requestCount, () => requestFrom(validator), (answer) => void hash.update(answer));
  const legacyAnsweredPerSecond = await answerRate(axon, requestCount, () => legacyFrom(validator), (answer) => {
    const { key } = JSON.parse(new TextDecoder().decode(answer)) as { key: string };
    hash.update(key);
  });
  const refuse = (request: Request) => async () => {
    const response = await axon(request, "127.0.0.1");
    if (response.status !== 403) throw new TypeError(`refused: expected 403, got ${response.status}`);
  };
  const refusedPerSecond = await rate(20 * requestCount, refuse(requestFrom(stranger)));
  const legacyRefusedPerSecond = await rate(20 * requestCount, refuse(legacyFrom(stranger)));

  const listening = listenAxon(axon, { ip: "127.0.0.1", port: 0 });
  const dendrite = new Dendrite({ hotkey: validator });
  const elapsed: number[] = [];
  const loopbackPerSecond = await rate(requestCount, async () => {
    const outcome = await dendrite.call({ ...peer, port: listening.port }, "Ping", body, { timeoutMs: 10_000 });
    if (outcome.kind !== "ok") throw new TypeError(`loopback: expected ok, got ${outcome.kind}`);
    elapsed.push(outcome.elapsedMs);
  });
  await dendrite.close();
  await listening.stop();
  elapsed.sort((a, b) => a - b);
  const at = (share: number) => elapsed[Math.floor(share * (elapsed.length - 1))]!;
  return {
    boundPerSecond,
    answeredPerSecond,
    legacyAnsweredPerSecond,
    refusedPerSecond,
    legacyRefusedPerSecond,
    loopbackPerSecond,
    roundTripMs: { median: at(0.5), p99: at(0.99), call: 1000 / loopbackPerSecond },
    digest: toHex(hash.digest()),
  };
}

/** Requests answered in a second. They are prepared in slices, since a nonce is fresh for ten seconds only. */
async function answerRate(axon: AxonHandler, count: number, prepare: () => Request, take: (answer: Uint8Array) => void): Promise<number> {
  let ms = 0;
  for (let done = 0; done < count; done += 500) {
    const requests = Array.from({ length: Math.min(500, count - done) }, prepare);
    const startMs = performance.now();
    for (const request of requests) {
      const response = await axon(request, "127.0.0.1");
      if (response.status !== 200) throw new TypeError(`answered: expected 200, got ${response.status}`);
      take(await response.bytes());
    }
    ms += performance.now() - startMs;
  }
  return (1000 * count) / ms;
}

async function rate(count: number, once: () => Promise<void>): Promise<number> {
  for (let i = 0; i < Math.min(count, 50); i++) await once();
  const startMs = performance.now();
  for (let i = 0; i < count; i++) await once();
  return (1000 * count) / (performance.now() - startMs);
}

if (import.meta.main) {
  const requestCount = Number(process.argv[2] ?? 2000);
  const runs: WireFigures[] = [];
  for (let run = 0; run < 3; run++) runs.push(await measureWire(requestCount));
  const row = (label: string, pick: (figures: WireFigures) => number, digits = 0) => {
    const values = runs.map(pick).sort((a, b) => a - b);
    console.log(`${label.padEnd(52)} ${values[1]!.toFixed(digits).padStart(9)}   (${values[0]!.toFixed(digits)} to ${values[2]!.toFixed(digits)})`);
  };
  console.log(`${cpus()[0]?.model ?? "unknown processor"}, ${cpus().length} cores; ${requestCount} requests of 20 bytes, median of 3`);
  row("one verify + one sign, per second", (figures) => figures.boundPerSecond);
  row("requests answered, per second", (figures) => figures.answeredPerSecond);
  row("  share of the bound", (figures) => figures.answeredPerSecond / figures.boundPerSecond, 2);
  row("requests of the old protocol answered, per second", (figures) => figures.legacyAnsweredPerSecond);
  row("  share of the bound", (figures) => figures.legacyAnsweredPerSecond / figures.boundPerSecond, 2);
  row("requests refused before the signature, per second", (figures) => figures.refusedPerSecond);
  row("  of the old protocol", (figures) => figures.legacyRefusedPerSecond);
  row("calls over loopback, both ends, per second", (figures) => figures.loopbackPerSecond);
  row("  on the dendrite's clock, ms: median", (figures) => figures.roundTripMs.median, 2);
  row("  on the dendrite's clock, ms: 99th percentile", (figures) => figures.roundTripMs.p99, 2);
  row("  whole call, ms", (figures) => figures.roundTripMs.call, 2);
  console.log(`digest ${runs[0]!.digest}`);
}
