import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { toHex, type Ss58 } from "../../lib/core/mod.ts";
import {
  SIGNED_DECLARATION_BYTES_MAX, declarationDigest, declarationMessage, declaredGeometry, decodeDeclaration, decodeSignedDeclaration, encodeDeclaration,
  encodeSignedDeclaration, openDeclaration, type Declaration,
} from "../../lib/audit/mod.ts";
import { SeededRandom, seeds } from "../reference/random.ts";
import { GENESIS, MINER, VALIDATOR } from "./partition.ts";

function declare(unitCount: number, chunksPerUnit = 32, rootCount = Math.ceil(unitCount / 128)): Declaration {
  const roots = Array.from({ length: rootCount }, (_, i) => new Uint8Array(32).fill(i + 1));
  return { netuid: 1, genesisHash: GENESIS, miner: MINER, validator: VALIDATOR, serial: 9, unitCount, chunksPerUnit, roots };
}

/** A stand-in for sr25519: a digest over key and message, twice. */
function sign(message: Uint8Array, signer: Ss58): Uint8Array {
  const digest = createHash("sha256").update(signer).update(message).digest();
  return new Uint8Array(Buffer.concat([digest, digest]));
}
const verifySignature = (message: Uint8Array, signature: Uint8Array, signer: Ss58) => Buffer.compare(sign(message, signer), signature) === 0;

describe("encodeDeclaration() and decodeDeclaration()", () => {
  test("come back as they were, for nothing, short, one, whole and many sectors", () => {
    for (const declaration of [declare(0), declare(1, 1), declare(1, 31), declare(1), declare(127), declare(128), declare(129), declare(3000)]) {
      expect(decodeDeclaration(encodeDeclaration(declaration))).toEqual(declaration);
      expect(declaredGeometry(declaration).sectorCount).toBe(declaration.roots.length);
    }
  });

  test("lay the fields out as documented", () => {
    const bytes = encodeDeclaration({ ...declare(129), netuid: 0x0201, serial: 0x0605_0403_0201 });
    const ascii = (text: string) => Buffer.from(text, "ascii").toString("hex");
    const head = `${ascii("btstore-declaration1")}0102${"07".repeat(32)}${ascii(MINER)}${ascii(VALIDATOR)}`;
    expect(toHex(bytes)).toBe(`${head}0102030405060000${"81000000"}${"2000"}${"02000000"}${"01".repeat(32)}${"02".repeat(32)}`);
    expect(toHex(declarationDigest(bytes))).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  test("refuse roots, units and r that do not fit each other", () => {
    for (const wrong of [declare(0, 32, 1), declare(0, 1), declare(1, 0), declare(1, 33), declare(2, 16), declare(128, 32, 2), declare(129, 32, 1), declare(1, 32, 0)]) {
      expect(() => encodeDeclaration(wrong)).toThrow(RangeError);
      const right = encodeDeclaration({ ...wrong, unitCount: 128 * wrong.roots.length, chunksPerUnit: 32 });
      // Units and r lie before the root count, 10 bytes in front of the roots.
      const view = new DataView(right.buffer, right.length - 32 * wrong.roots.length - 10);
      view.setUint32(0, wrong.unitCount, true);
      view.setUint16(4, wrong.chunksPerUnit, true);
      expect(decodeDeclaration(right)).toBeNull();
    }
  });

  test("decodeDeclaration() refuses any other length, a foreign tag, an unsafe serial and no address", () => {
    const bytes = encodeDeclaration(declare(129));
    expect(decodeDeclaration(bytes.slice(0, -1))).toBeNull();
    expect(decodeDeclaration(Uint8Array.of(...bytes, 0))).toBeNull();
    expect(decodeDeclaration(new Uint8Array(0))).toBeNull();
    for (const [offset, value] of [[0, 0x62 ^ 1], [54, 0x30], [102, 0xff], [157, 0xff]] as const) {
      const wrong = bytes.slice();
      wrong[offset] = value;
      expect(decodeDeclaration(wrong), `offset ${offset}`).toBeNull();
    }
  });

  test("decodeDeclaration() refuses a root count of 4 billion without reading further", () => {
    const bytes = encodeDeclaration(declare(0));
    bytes.fill(0xff, bytes.length - 10);
    expect(decodeDeclaration(bytes)).toBeNull();
  });

  test("decodeDeclaration() gives null or something that encodes to the same bytes, for any flipped bit", () => {
    const bytes = encodeDeclaration(declare(129));
    for (const seed of seeds(200)) {
      const random = new SeededRandom(seed);
      const flipped = bytes.slice();
      flipped[random.below(bytes.length)]! ^= 1 << random.below(8);
      const decoded = decodeDeclaration(flipped);
      if (decoded) expect(toHex(encodeDeclaration(decoded)), `seed ${seed}`).toBe(toHex(flipped));
    }
  });
});

describe("openDeclaration()", () => {
  const declaration = declare(129);
  const bytes = encodeDeclaration(declaration);
  const signed = { bytes, signature: sign(declarationMessage(bytes), MINER) };

  test("takes the expected miner's declaration and comes back from its octets", () => {
    const received = decodeSignedDeclaration(encodeSignedDeclaration(signed))!;
    expect(openDeclaration(received, declaration, verifySignature)).toEqual({ kind: "ok", declaration });
  });

  test("names what is wrong: another network, miner, validator, or signature", () => {
    const faultWith = (changes: Partial<Declaration>) => openDeclaration(signed, { ...declaration, ...changes }, verifySignature);
    expect(faultWith({ netuid: 2 })).toEqual({ kind: "refused", fault: "other_network" });
    expect(faultWith({ genesisHash: new Uint8Array(32) })).toEqual({ kind: "refused", fault: "other_network" });
    expect(faultWith({ miner: VALIDATOR })).toEqual({ kind: "refused", fault: "other_miner" });
    expect(faultWith({ validator: MINER })).toEqual({ kind: "refused", fault: "other_validator" });
    expect(openDeclaration({ ...signed, signature: new Uint8Array(64) }, declaration, verifySignature)).toEqual({ kind: "refused", fault: "bad_signature" });
    expect(openDeclaration({ ...signed, bytes: bytes.slice(1) }, declaration, verifySignature)).toEqual({ kind: "refused", fault: "malformed" });
  });

  test("refuses every flipped bit, as malformed, foreign or wrongly signed", () => {
    for (const seed of seeds(200)) {
      const random = new SeededRandom(seed);
      const body = encodeSignedDeclaration(signed);
      body[random.below(body.length)]! ^= 1 << random.below(8);
      expect(openDeclaration(decodeSignedDeclaration(body)!, declaration, verifySignature).kind, `seed ${seed}`).toBe("refused");
    }
  });

  test("a signature over D alone is none: the signed message carries its own domain", () => {
    const bare = { bytes, signature: sign(declarationDigest(bytes), MINER) };
    expect(openDeclaration(bare, declaration, verifySignature)).toEqual({ kind: "refused", fault: "bad_signature" });
  });

  test("decodeSignedDeclaration() refuses what is too short or longer than 65,536 roots", () => {
    expect(decodeSignedDeclaration(new Uint8Array(100))).toBeNull();
    expect(decodeSignedDeclaration(new Uint8Array(SIGNED_DECLARATION_BYTES_MAX + 1))).toBeNull();
    expect(decodeSignedDeclaration(new Uint8Array(SIGNED_DECLARATION_BYTES_MAX))).not.toBeNull();
  });
});
