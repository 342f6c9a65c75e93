/** Puts an axon on a port. */
import { BtstoreError, describeError, hasSystemCode } from "../core/mod.ts";
import type { AxonHandler } from "./axon.ts";
import { requestBytesMax, WIRE_LIMITS } from "./limits.ts";
import type { WireLimits } from "./limits.ts";

/** Certificate chain and private key, PEM. */
export type AxonTls = { readonly cert: string; readonly key: string };

/** An axon that listens. */
export type ListeningAxon = {
  /** The port it got; differs from the one asked for only if that was 0. */
  readonly port: number;
  /** Closes the port and every connection, answers in hand included. */
  stop(): Promise<void>;
};

/**
 * Listens for HTTP/1.1.
 *
 * Bun closes connections whose headers or bodies stall and refuses longer headers (16 KiB) and bodies than any message
 * has, before the handler is asked.
 *
 * @param at.ip Address to bind: `[::]` takes IPv6 and IPv4 alike. With or without brackets.
 * @param at.port 0 for any free one, else 1 to 65,535.
 * @param at.tls With it the axon speaks TLS and nothing else. Who is who does not depend on it: hotkeys sign in any case.
 * @throws {BtstoreError} `usage` if certificate and key are none or do not fit; `network` if the port cannot be had; the message names it and the flag.
 */
export function listenAxon(handler: AxonHandler, at: { ip: string; port: number; tls?: AxonTls }, limits: WireLimits = WIRE_LIMITS): ListeningAxon {
  try {
    const server = Bun.serve({
      hostname: at.ip.replace(/^\[(.*)\]$/, "$1"),
      port: at.port,
      ...(at.tls ? { tls: { ...at.tls } } : {}),
      maxRequestBodySize: requestBytesMax(limits),
      idleTimeout: limits.axonIdleSeconds,
      fetch: (request, self) => handler(request, self.requestIP(request)?.address ?? "unknown"),
    });
    return { port: server.port!, stop: () => server.stop(true) };
  } catch (error) {
    if (at.tls && error instanceof Error && "code" in error && /^ERR_(OSSL|SSL|TLS|BORINGSSL)/.test(String(error.code))) {
      throw new BtstoreError("usage", "Cannot speak TLS: --axon.tls_cert and --axon.tls_key hold no PEM certificate and its key", { cause: error });
    }
    const because = hasSystemCode(error, "EADDRINUSE")
      ? "another program holds it; stop that one or choose another with --axon.port"
      : hasSystemCode(error, "EACCES")
        ? "ports below 1024 need privileges; choose another with --axon.port"
        : `${describeError(error)}; check --axon.ip (0.0.0.0 on a machine without IPv6)`;
    throw new BtstoreError("network", `Cannot listen on ${at.ip} port ${at.port}: ${because}`, { cause: error });
  }
}
