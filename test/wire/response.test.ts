import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { concat, utf8 } from "../../lib/core/mod.ts";
import { ResponseReader } from "../../lib/wire/response.ts";
import type { HttpAnswer } from "../../lib/wire/response.ts";

const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-A:  one \r\nx-a: two\r\n\r\npong";

/** Pushes the whole text at once. */
function read(text: string, bodyBytesMax = 100): ReturnType<ResponseReader["push"]> {
  return new ResponseReader(bodyBytesMax).push(utf8(text));
}

describe("ResponseReader", () => {
  test("reads status, headers and body", () => {
    expect(read(ANSWER)).toEqual({
      status: 200,
      headers: Object.assign(Object.create(null), { "content-length": "4", "x-a": "one, two" }),
      body: new Uint8Array(utf8("pong")),
      isReusable: true,
    });
  });

  test("reads the same however the bytes are cut", () => {
    const bytes = utf8(ANSWER);
    for (let cut = 1; cut < bytes.length; cut++) {
      const reader = new ResponseReader(100);
      expect(reader.push(bytes.subarray(0, cut)), `cut at ${cut}`).toBeNull();
      expect(reader.hasBegun).toBe(true);
      expect(reader.push(bytes.subarray(cut)), `cut at ${cut}`).toEqual(read(ANSWER));
    }
    const reader = new ResponseReader(100);
    const results = [...bytes].map((byte) => reader.push(Uint8Array.of(byte)));
    expect(results.slice(0, -1).every((result) => result === null)).toBe(true);
    expect(results.at(-1)).toEqual(read(ANSWER));
  });

  test("reads an empty body, and knows which connections end", () => {
    expect(read("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")).toMatchObject({ status: 503, isReusable: true });
    expect(read("HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n")).toMatchObject({ status: 503 });
    expect(read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")).toMatchObject({ isReusable: false });
    expect(read("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")).toMatchObject({ isReusable: false });
  });

  test("takes a body at its bound and no longer one", () => {
    expect(read("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong", 4)).toMatchObject({ status: 200 });
    expect(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 4)).toBe("too_large");
    expect(read("HTTP/1.1 200 OK\r\nContent-Length: 999999999999999\r\n\r\n", 4)).toBe("too_large");
  });

  const head = (fields: string, status = "HTTP/1.1 200 OK") => `${status}\r\n${fields}\r\n\r\n`;
  const malformed: Record<string, string> = {
    "no status line": head("Content-Length: 0", "hello"),
    "HTTP/2": head("Content-Length: 0", "HTTP/2 200 OK"),
    "an informational status": head("Content-Length: 0", "HTTP/1.1 100 Continue"),
    "a status of four digits": head("Content-Length: 0", "HTTP/1.1 2000 OK"),
    "no length": head("X-A: 1"),
    "two lengths": head("Content-Length: 0\r\nContent-Length: 0"),
    "a negative length": head("Content-Length: -1"),
    "a length in hex": head("Content-Length: 0x1"),
    "a length beyond every number": head(`Content-Length: ${"9".repeat(16)}`),
    "chunks": head("Transfer-Encoding: chunked"),
    "chunks beside a length": head("Transfer-Encoding: chunked\r\nContent-Length: 0"),
    "compression": head("Content-Encoding: gzip\r\nContent-Length: 0"),
    "a folded header": head("X-A: 1\r\n folded\r\nContent-Length: 0"),
    "a header without a colon": head("X-A\r\nContent-Length: 0"),
    "a blank before the colon": head("Content-Length : 0"),
    "more bytes than announced": `${head("Content-Length: 1")}ab`,
    "a head above 8 KiB": head(`X-A: ${"x".repeat(8192)}\r\nContent-Length: 0`),
    "a head above 8 KiB that does not end": "HTTP/1.1 200 OK\r\n".padEnd(8193, "x"),
  };
  for (const [what, text] of Object.entries(malformed)) {
    test(`calls ${what} malformed`, () => expect(read(text)).toBe("malformed"));
  }

  test("keeps a header called __proto__ a header", () => {
    const answer = read("HTTP/1.1 200 OK\r\n__proto__: x\r\nContent-Length: 0\r\n\r\n") as HttpAnswer;
    expect(Object.keys(answer.headers)).toEqual(["__proto__", "content-length"]);
  });

  test("never throws and never holds more than its bounds, whatever comes in whatever parts", () => {
    const part = fc.oneof(fc.uint8Array({ maxLength: 50 }), fc.constantFrom(ANSWER, "HTTP/1.1 200 OK\r\n", "Content-Length: 30\r\n", "\r\n\r\n", "x: y").map(utf8));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const reader = new ResponseReader(32);
        for (const bytes of parts) {
          const result = reader.push(bytes);
          if (result === null) continue;
          if (typeof result !== "string") expect(result.body.length).toBeLessThanOrEqual(32);
          return;
        }
        expect(concat(...parts).length).toBeLessThanOrEqual(8192 + 32);
      }),
      { numRuns: 500, seed: 3 },
    );
  });
});
