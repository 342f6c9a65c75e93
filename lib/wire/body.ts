/** Reads a request's body: no longer than announced, no slower than allowed. */
import type { Clock } from "../core/mod.ts";
import type { RefusalName } from "./synapse.ts";

/**
 * Reads a body whole.
 *
 * @param length What Content-Length announced; within the message's bound. No more is ever held.
 * @param bodyMs For all of it to come in, in milliseconds.
 * @param cut Aborting it ends the wait at once; it is aborted in any case when this is over.
 * @returns The bytes, or why the request must be refused.
 */
export async function readBody(request: Request, length: number, bodyMs: number, clock: Clock, cut: AbortController): Promise<Uint8Array | RefusalName> {
  if (request.body === null) return length === 0 ? new Uint8Array(0) : "MalformedRequest";
  const reader = request.body.getReader();
  const slow = clock.sleep(bodyMs, cut.signal).then(
    () => "SlowBody" as const,
    () => "SlowBody" as const,
  );
  const body = new Uint8Array(length);
  let filled = 0;
  try {
    for (;;) {
      const part = await Promise.race([reader.read(), slow]);
      if (part === "SlowBody") return part;
      if (part.done) return filled === length ? body : "MalformedRequest";
      if (filled + part.value.length > length) return "TooLarge";
      body.set(part.value, filled);
      filled += part.value.length;
    }
  } catch {
    // The peer hung up or broke the transfer coding: nobody reads this answer.
    return "MalformedRequest";
  } finally {
    cut.abort();
    reader.cancel().catch(() => {});
  }
}
