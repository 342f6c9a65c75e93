/** Axons that misbehave in every way a peer can, and what audits of one cheap unit need. */
import { createServer, type Socket } from "node:net";
import { Database } from "bun:sqlite";
import { Ledger, type ComputeUnit, declarationDigest, decodeDeclaration } from "../../lib/audit/mod.ts";
import { silentLog, systemClock } from "../../lib/core/mod.ts";
import { Peer } from "../../lib/validator/peer.ts";
import type { Hotkey } from "../../lib/wallet/mod.ts";
import { type Peer as Address, type SynapseHandler, type SynapseName, createAxon, listenAxon } from "../../lib/wire/mod.ts";
import { computeFakeUnit } from "../audit/partition.ts";
import { IP, type LightMiner, TestClock, WINDOWS } from "../miner/fixture.ts";

export { computeFakeUnit };

type Server = { readonly address: Address; stop(): Promise<void> };

/** An axon with the real wire and handlers of the test's own. */
export function serveRoutes(hotkey: Hotkey, routes: Partial<Record<SynapseName, SynapseHandler>>): Server {
  const axon = createAxon({ hotkey, routes, clock: systemClock, log: silentLog, notBeforeMs: 0, whoIs: () => ({ isRegistered: true, hasPermit: true }) });
  const { port, stop } = listenAxon(axon, { ip: IP, port: 0 });
  return { address: { hotkey: hotkey.ss58, ip: IP, port }, stop };
}

/** Anything else that may sit at a hotkey's address: a socket and what it does with each request. */
export async function serveSocket(hotkey: Hotkey, onRequest: (socket: Socket) => void): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", () => onRequest(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, IP, resolve));
  return {
    address: { hotkey: hotkey.ss58, ip: IP, port: (server.address() as { port: number }).port },
    stop: () => new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    }),
  };
}

/** An HTTP answer that nobody signed. */
export function unsigned(status: number, body: string | Uint8Array): Uint8Array {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return new Uint8Array(Buffer.concat([Buffer.from(`HTTP/1.1 ${status} Answer\r\nContent-Length: ${bytes.length}\r\n\r\n`), bytes]));
}

/** Where nobody listens. */
export async function deadAddress(hotkey: Hotkey): Promise<Address> {
  const { address, stop } = await serveSocket(hotkey, () => {});
  await stop();
  return address;
}

/** A ledger in memory. */
export function memoryLedger(): Ledger {
  return new Ledger(new Database(":memory:"), WINDOWS);
}

/** A validator's view of a light miner. */
export function peerOf(miner: LightMiner, clock = new TestClock(), ledger = memoryLedger(), random = crypto.getRandomValues.bind(crypto)): Peer {
  const address = { hotkey: miner.hotkey.ss58, ip: IP, port: miner.port };
  return new Peer(miner.hotkey.ss58, 1, address, ledger, clock, WINDOWS, (length) => random(new Uint8Array(length)), 0);
}

/** What a light miner declares, as the validator holds it. */
export async function declaredBy(miner: LightMiner, validator: Hotkey) {
  const body = await miner.service.routes.Declaration(validator.ss58, new Uint8Array(0));
  const bytes = (body as Uint8Array).slice(0, -64);
  return { declaration: decodeDeclaration(bytes)!, digest: declarationDigest(bytes) };
}

/** The tag by which a mismatch is confirmed, as `computeFakeUnit` gives it. */
export const confirmFakeTag = async (spec: Parameters<ComputeUnit>[0]) => (await computeFakeUnit(spec, [])).tag;
