import { beforeAll, describe, expect, test } from "bun:test";
import { Keyring } from "@polkadot/keyring";
import fc from "fast-check";
import { fromHex, toHex, utf8 } from "../../lib/core/mod.ts";
import { cryptoReady, keypairFromUri, messageBytes, signatureText, verifyMessage } from "../../lib/wallet/mod.ts";

beforeAll(cryptoReady);

/**
 * Made by //Alice of bittensor-wallet 4.1.1: `sign("hello")`, `sign("0x6869")`, and `sign("<Bytes>hello</Bytes>")`.
 * sr25519 signatures are never the same twice, so theirs are recorded and ours are checked by their verifiers elsewhere.
 */
const HELLO = "0xe632a7dc91a646d4168bd795cadf3867a6612389586f28049239d6d351f9da4354fd3d0c84658da514f263c5481c5b4db15547cc6a1313bbd08d082bea20e584";
const HEX = "0x60eeb96c3148812e333b7ec2beb9f6284e7e9dbbd84bfc932a4c138b9ae769591e5a5083dca7cf00549c951ea0b99df38be572348ff0fb97ec33bd75f03b008d";
const WRAPPED = "0xaa1f2927b3da5ccf89e24e82595339acea4936a1c54d4381bc79a72729bde7778e5afefc29b9f099fa0e6cf50899deef4fc3a7f6c32deeb6bf594b107fcbec8a";

describe("messageBytes()", () => {
  test("reads hex behind 0x, anything else as UTF-8, and refuses what only begins like hex", () => {
    expect(messageBytes("0x6869")).toEqual(utf8("hi"));
    expect(messageBytes("0x")).toEqual(new Uint8Array(0));
    expect(messageBytes("grüß 0x6869")).toEqual(utf8("grüß 0x6869"));
    for (const text of ["0x1", "0xzz", "0x 00"]) expect(messageBytes(text), text).toBeNull();
  });
});

describe("verifyMessage()", () => {
  const alice = () => keypairFromUri("//Alice");

  test("accepts the SDK's recorded signatures and says how each fits", () => {
    expect(verifyMessage("hello", HELLO, alice().ss58)).toEqual({ reading: "text", isWrapped: false });
    expect(verifyMessage("0x68656c6c6f", HELLO.slice(2).toUpperCase(), alice().ss58)).toEqual({ reading: "hex", isWrapped: false });
    expect(verifyMessage("0x6869", HEX, alice().ss58)).toEqual({ reading: "hex", isWrapped: false });
    expect(verifyMessage("hi", ` ${HEX}\n`, alice().ss58)).toEqual({ reading: "text", isWrapped: false });
    expect(verifyMessage("hello", WRAPPED, alice().ss58)).toEqual({ reading: "text", isWrapped: true });
    expect(verifyMessage("0x68656c6c6f", WRAPPED, alice().ss58)).toEqual({ reading: "hex", isWrapped: true });
  });

  test("also takes btcli's signature of the text that begins with 0x", () => {
    expect(verifyMessage("0x6869", signatureText(alice(), utf8("0x6869")), alice().ss58)).toEqual({ reading: "text", isWrapped: false });
    expect(verifyMessage("0xzz", signatureText(alice(), utf8("0xzz")), alice().ss58)).toEqual({ reading: "text", isWrapped: false });
  });

  test("agrees with @polkadot/keyring in both directions", () => {
    const theirs = new Keyring({ type: "sr25519", ss58Format: 42 }).addFromUri("//Alice");
    for (const message of ["", "hello", "grüß", "0x", "0x00ff", "<Bytes>x</Bytes>"]) {
      const bytes = messageBytes(message)!;
      const ours = signatureText(alice(), bytes);
      expect(ours).toMatch(/^0x[0-9a-f]{128}$/);
      expect(theirs.verify(bytes, fromHex(ours), theirs.publicKey), message).toBe(true);
      expect(verifyMessage(message, toHex(theirs.sign(bytes)), alice().ss58), message).not.toBeNull();
    }
  });

  test("refuses another signer, another message, and what is no signature", () => {
    expect(verifyMessage("hello", HELLO, keypairFromUri("//Bob").ss58)).toBeNull();
    expect(verifyMessage("hellO", HELLO, alice().ss58)).toBeNull();
    for (const text of ["", "0x", HELLO.slice(0, -2), `${HELLO}00`, HELLO.replace("0x", "0X"), "0x".padEnd(130, "g")]) expect(verifyMessage("hello", text, alice().ss58)).toBeNull();
  });

  test("never throws", () => {
    fc.assert(fc.property(fc.string(), fc.oneof(fc.string(), fc.uint8Array({ minLength: 64, maxLength: 64 }).map(toHex)), (message, signature) => {
      expect(verifyMessage(message, signature, alice().ss58)).toBeNull();
      expect(verifyMessage(`0x${message}`, signature, alice().ss58)).toBeNull();
    }), { numRuns: 60 });
  });
});
