/** Whether an address answers, as far as this machine can tell about itself. */

/** How long the handshake may take, in milliseconds. */
const CONNECT_MS_MAX = 3_000;

/** Whether a TCP connection to the address can be opened within three seconds. */
export async function isReachable(ip: string, port: number, signal: AbortSignal): Promise<boolean> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS_MAX)]);
  const opened = Bun.connect({ hostname: ip, port, socket: { data() {} } });
  const given = new Promise<null>((resolve) => stop.addEventListener("abort", () => resolve(null), { once: true }));
  void opened.then((socket) => socket.end(), () => {});
  const socket = await Promise.race([opened.catch(() => null), given]);
  signal.throwIfAborted();
  return socket !== null;
}
