/** Keys, a clock that only moves when told, and signed requests for the tests of the wire. */
import { silentLog } from "../../lib/core/mod.ts";
import type { Clock, Log, LogFields } from "../../lib/core/mod.ts";
import { cryptoReady, keypairFromUri } from "../../lib/wallet/mod.ts";
import type { Hotkey } from "../../lib/wallet/mod.ts";
import { signRequest } from "../../lib/wire/btauth.ts";
import { createAxon, WIRE_LIMITS } from "../../lib/wire/mod.ts";
import type { AxonHandler, AxonOptions, Standing, SynapseName, WireLimits } from "../../lib/wire/mod.ts";

await cryptoReady();

/** The miner, a validator with a permit, a registered hotkey without one, one that is banned, and a stranger. */
export const miner = keypairFromUri("//Bob");
export const validator = keypairFromUri("//Alice");
export const plain = keypairFromUri("//Charlie");
export const banned = keypairFromUri("//Dave");
export const stranger = keypairFromUri("//Eve");

const standings = new Map<string, Standing>([
  [validator.ss58, { isRegistered: true, hasPermit: true }],
  [plain.ss58, { isRegistered: true, hasPermit: false }],
  [banned.ss58, { isRegistered: true, hasPermit: true, unwelcome: "Banned" }],
]);

/** The moment all tests begin at: the nonce of the standard's vector, in milliseconds. */
export const START_MS = 1_752_076_800_000;

/** A clock that stands still until `advance()`, which also wakes the sleepers whose time has come. */
export class FakeClock implements Clock {
  #ms = 0;
  #sleepers: { atMs: number; wake: () => void }[] = [];

  now(): number {
    return START_MS + this.#ms;
  }

  monotonic(): number {
    return this.#ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#sleepers.push({ atMs: this.#ms + ms, wake: resolve });
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }

  advance(ms: number): void {
    this.#ms += ms;
    const due = this.#sleepers.filter((sleeper) => sleeper.atMs <= this.#ms);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.atMs > this.#ms);
    for (const sleeper of due) sleeper.wake();
  }
}

/** Limits with some of them changed. */
export function limitsWith(changed: Partial<WireLimits>): WireLimits {
  return { ...WIRE_LIMITS, ...changed };
}

export type TestAxon = { axon: AxonHandler; clock: FakeClock; errors: LogFields[] };

/** An axon that echoes pings and hop requests. */
export function testAxon(changed: Partial<AxonOptions> = {}): TestAxon {
  const clock = new FakeClock();
  const errors: LogFields[] = [];
  const log: Log = { ...silentLog, error: (message, fields) => void errors.push({ message, ...fields }) };
  const axon = createAxon({
    hotkey: miner,
    routes: { Ping: async (_caller, body) => body, Hops: async (_caller, body) => body },
    whoIs: (hotkey) => standings.get(hotkey) ?? null,
    clock,
    log,
    notBeforeMs: 0,
    ...changed,
  });
  return { axon, clock, errors };
}

export type Draft = { url: string; method: string; headers: Record<string, string>; body: Uint8Array };

let lastNonce = BigInt(START_MS) * 1_000_000n;

/** A correctly signed request, as parts that a test can spoil. `nonce` is fresh at `START_MS` and never used twice. */
export function draft(name: SynapseName | string, body: Uint8Array, from: Hotkey = validator, nonce: bigint = ++lastNonce): Draft {
  const target = `/btstore/1/${name}`;
  const signature = signRequest(from, miner.ss58, nonce, { method: "POST", target, body });
  return { url: `http://10.0.0.1:8091${target}`, method: "POST", headers: { ...signature, "Content-Length": String(body.length) }, body };
}

export function requestOf({ url, method, headers, body }: Draft): Request {
  return new Request(url, { method, headers, ...(method === "GET" ? {} : { body: body as Uint8Array<ArrayBuffer> }) });
}

/** Status and refusal name; `ok` for 200. */
export async function said(response: Response): Promise<string> {
  if (response.status === 200) return "200 ok";
  return `${response.status} ${((await response.json()) as { error: string }).error}`;
}
