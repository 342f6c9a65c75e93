/**
 * Reads one HTTP/1.1 answer off a connection, and nothing more than was asked for.
 *
 * Ours instead of `fetch`, because a hostile miner writes these bytes and the timing depends on them: the head is
 * bounded, the length is known before the body is taken, nothing is decompressed, no redirect is followed, and it is
 * exact when the last byte came. What our axon never sends (chunks, informational answers, folded headers, two lengths)
 * is malformed.
 */

/** Status line and headers together, in bytes. */
const HEAD_BYTES_MAX = 8192;

/** A whole answer. Header names in lower case; of a repeated header the values joined by ", ". */
export type HttpAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Whether the connection may carry another exchange. */
  readonly isReusable: boolean;
};

type Head = { status: number; headers: Record<string, string>; length: number; isReusable: boolean };

export class ResponseReader {
  readonly #bodyBytesMax: number;
  #headBytes = new Uint8Array(0);
  #head: Head | null = null;
  #body = new Uint8Array(0);
  #filled = 0;

  /** @param bodyBytesMax Longest body that is taken. */
  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** Whether any byte of the answer has come. */
  get hasBegun(): boolean {
    return this.#head !== null || this.#headBytes.length > 0;
  }

  /**
   * Takes the bytes that came.
   *
   * @returns The answer once it is whole; null while more is to come. After any result but null the reader is spent.
   */
  push(bytes: Uint8Array): HttpAnswer | "malformed" | "too_large" | null {
    let rest = bytes;
    if (this.#head === null) {
      const joined = new Uint8Array(this.#headBytes.length + bytes.length);
      joined.set(this.#headBytes);
      joined.set(bytes, this.#headBytes.length);
      const end = endOfHead(joined);
      if ((end ?? joined.length) > HEAD_BYTES_MAX) return "malformed";
      this.#headBytes = joined;
      if (end === null) return null;
      const head = parseHead(new TextDecoder("latin1").decode(joined.subarray(0, end - 4)));
      if (head === null) return "malformed";
      if (head.length > this.#bodyBytesMax) return "too_large";
      this.#head = head;
      this.#body = new Uint8Array(head.length);
      rest = joined.subarray(end);
    }
    const { length, status, headers, isReusable } = this.#head;
    if (this.#filled + rest.length > length) return "malformed";
    this.#body.set(rest, this.#filled);
    this.#filled += rest.length;
    return this.#filled === length ? { status, headers, body: this.#body, isReusable } : null;
  }
}

/** Offset behind the blank line; null if it has not come. */
function endOfHead(bytes: Uint8Array): number | null {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf("\r\n\r\n");
  return at < 0 ? null : at + 4;
}

function parseHead(text: string): Head | null {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const status = /^HTTP\/1\.([01]) ([2-5][0-9]{2})(?: .*)?$/.exec(statusLine);
  if (!status) return null;
  // A null prototype: a header called __proto__ is a header.
  const headers: Record<string, string> = Object.create(null);
  for (const line of lines) {
    const field = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (!field) return null;
    const name = field[1]!.toLowerCase();
    headers[name] = name in headers ? `${headers[name]}, ${field[2]}` : field[2]!;
  }
  const length = headers["content-length"] ?? "";
  if (!/^[0-9]{1,15}$/.test(length) || "transfer-encoding" in headers || "content-encoding" in headers) return null;
  const isReusable = status[1] === "1" && (headers.connection ?? "keep-alive").toLowerCase() === "keep-alive";
  return { status: Number(status[2]), headers, length: Number(length), isReusable };
}
