import { describe, expect, test } from "bun:test";
import {
  HOP_ANSWER_BYTES, HOP_REQUEST_BYTES, OPENING_ANSWER_BYTES_MAX, OPENING_REQUEST_BYTES, decodeHopAnswer, decodeHopRequest, decodeNotice, decodeOpeningRequest,
  decodeOpenings, encodeHopAnswer, encodeHopRequest, encodeNotice, encodeOpeningRequest, encodeOpenings, type Opening,
} from "../../lib/audit/mod.ts";
import { SeededRandom, seeds } from "../reference/random.ts";

function randomOpening(random: SeededRandom): Opening {
  return { piece: random.bytes(2048), saltedPath: random.bytes(224), path: random.bytes(32 * random.below(22)) };
}

describe("messages of an audit", () => {
  test("come back from their octets as they were", () => {
    for (const seed of seeds(5)) {
      const random = new SeededRandom(seed);
      const request = { nonce: random.bytes(32), digest: random.bytes(32) };
      expect(decodeHopRequest(encodeHopRequest(request))).toEqual(request);
      const opening = { ...request, picks: Array.from({ length: 16 }, () => random.below(128)) };
      expect(decodeOpeningRequest(encodeOpeningRequest(opening))).toEqual(opening);
      const digests = () => Array.from({ length: 16 }, () => random.bytes(32));
      const answer = { links: digests(), roots: digests() };
      expect(decodeHopAnswer(encodeHopAnswer(answer))).toEqual(answer);
      const openings = { hops: Array.from({ length: 16 }, () => ({ link: randomOpening(random), pick: randomOpening(random) })) };
      expect(decodeOpenings(encodeOpenings(openings)), `seed ${seed}`).toEqual(openings);
      const notice = { root: random.bytes(32), unitIndex: random.below(2 ** 32), pieceIndex: random.below(16_384) };
      expect(decodeNotice(encodeNotice(notice))).toEqual(notice);
    }
  });

  test("have the lengths that limits are made from; openings at most about 94 KB", () => {
    expect([HOP_REQUEST_BYTES, HOP_ANSWER_BYTES, OPENING_REQUEST_BYTES, OPENING_ANSWER_BYTES_MAX]).toEqual([64, 1024, 80, 32 * (2048 + 224 + 1 + 672)]);
  });

  test("are null one byte short, one byte long and empty", () => {
    const openings = encodeOpenings({ hops: Array.from({ length: 16 }, () => ({ link: randomOpening(new SeededRandom(1)), pick: randomOpening(new SeededRandom(2)) })) });
    const cases: [Uint8Array, (body: Uint8Array) => unknown][] = [
      [new Uint8Array(HOP_REQUEST_BYTES), decodeHopRequest],
      [new Uint8Array(HOP_ANSWER_BYTES), decodeHopAnswer],
      [new Uint8Array(OPENING_REQUEST_BYTES), decodeOpeningRequest],
      [new Uint8Array(40), decodeNotice],
      [openings, decodeOpenings],
    ];
    for (const [body, decode] of cases) {
      expect(decode(body)).not.toBeNull();
      expect(decode(body.slice(0, -1))).toBeNull();
      expect(decode(Uint8Array.of(...body, 0))).toBeNull();
      expect(decode(new Uint8Array(0))).toBeNull();
    }
  });

  test("decodeOpeningRequest() refuses a pick of 128, decodeOpenings() a path longer than any sector's", () => {
    const request = new Uint8Array(OPENING_REQUEST_BYTES);
    request[70] = 128;
    expect(decodeOpeningRequest(request)).toBeNull();
    for (const [nodes, isTaken] of [[21, true], [22, false]] as const) {
      const body = new Uint8Array(32 * (2048 + 224 + 1) + nodes * 32);
      body[2048 + 224] = nodes;
      expect(decodeOpenings(body) !== null).toBe(isTaken);
    }
  });

  test("decodeOpenings() gives null or openings for any octets, and never throws", () => {
    for (const seed of seeds(50)) {
      const random = new SeededRandom(seed);
      const decoded = decodeOpenings(random.bytes(random.below(OPENING_ANSWER_BYTES_MAX + 100)));
      expect(decoded === null || decoded.hops.length === 16, `seed ${seed}`).toBe(true);
    }
  });
});
