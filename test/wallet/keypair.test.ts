import { beforeAll, describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { Keyring } from "@polkadot/keyring";
import fc from "fast-check";
import { fromHex, toHex, utf8 } from "../../lib/core/mod.ts";
import {
  canonicalSecret, cryptoReady, expandSecret, keypairFromMnemonic, keypairFromSecret, keypairFromSeed, keypairFromUri, newMnemonic, secretsOf, verifySignature,
} from "../../lib/wallet/keypair.ts";
import { decodeSs58, encodeSs58, parseSs58 } from "../../lib/wallet/ss58.ts";

/** Facts 1.3: substrate-bip39 words with their seed, address and both forms of the secret; the second half is shared. */
const WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const NONCE_HALF = "b25d15f130020fffc3261f584f84168e7a6f0009f6c3abb2f3fa460f493b0595";
const EXPANDED = `6855243a7233f3c3579fb58ab6869f1c90df0865251ac5cf1583e8b51e88865c${NONCE_HALF}`;
const CANONICAL = `ad8a44476e667ef8eab356d1d6f09303f21ba1ac44a3f8b96210bdd603d1900b${NONCE_HALF}`;
const ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

beforeAll(cryptoReady);

describe("keypairFromMnemonic()", () => {
  test("makes the recorded seed, public key, address and secret", () => {
    const key = keypairFromMnemonic(WORDS);
    expect(toHex(secretsOf(key).seed!)).toBe("6fa2796b0071cac425d8a7851038318c2c37dcebfe4bae73197ce93e75909bd2");
    expect(toHex(key.publicKey)).toBe("625e25364c7b68e0a83065ccb40afed43f8fe933e669b24f3d69a57eddb3b715");
    expect(key.ss58 as string).toBe("5EHgWw2Af1pnoc7f1A8bfmM97W3DAYW8xr82RfhLL9oAabAe");
    expect(toHex(secretsOf(key).expanded)).toBe(EXPANDED);
  });

  test("refuses words with a wrong checksum without repeating them", () => {
    expect(() => keypairFromMnemonic(WORDS.replace("yellow", "winner"))).toThrow(/^mnemonic: expected 12 to 24 English BIP-39 words with a valid checksum$/);
  });

  test("agrees with @polkadot/keyring for fresh words", () => {
    const words = newMnemonic();
    expect(words.split(" ")).toHaveLength(12);
    expect(keypairFromMnemonic(words).ss58 as string).toBe(new Keyring({ type: "sr25519", ss58Format: 42 }).addFromMnemonic(words).address);
  });
});

describe("keypairFromUri()", () => {
  test("makes the published development keys", () => {
    expect(keypairFromUri("//Alice").ss58 as string).toBe(ALICE);
    expect(keypairFromUri("//Bob").ss58 as string).toBe("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty");
    expect(keypairFromUri("0xe5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a").ss58 as string).toBe(ALICE);
  });

  test("agrees with @polkadot/keyring on hard and soft paths, seeds and passwords", () => {
    const keyring = new Keyring({ type: "sr25519", ss58Format: 42 });
    for (const uri of ["//miner//1", `${WORDS}//stash/0`, `${WORDS}///secret`, `${WORDS}/soft//hard///secret`, `0x${"17".repeat(32)}//x`, WORDS]) {
      expect(keypairFromUri(uri).ss58 as string, uri).toBe(keyring.createFromUri(uri).address);
    }
  });

  test("refuses what is no URI without repeating it", () => {
    for (const uri of ["", "hunter2", "0x1234//a", `0x${"zz".repeat(32)}`]) expect(() => keypairFromUri(uri)).toThrow(/^uri: expected a secret URI/);
  });
});

describe("canonicalSecret() and expandSecret()", () => {
  test("convert the recorded secret both ways", () => {
    expect(toHex(canonicalSecret(fromHex(EXPANDED)))).toBe(CANONICAL);
    expect(toHex(expandSecret(fromHex(CANONICAL))!)).toBe(EXPANDED);
  });

  test("give //Alice's seed the recorded canonical scalar", () => {
    const alice = keypairFromSeed(fromHex("e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a"));
    expect(toHex(canonicalSecret(secretsOf(alice).expanded)).slice(0, 64)).toBe("33a6f3093f158a7109f679410bef1a0c54168145e0cecb4df006c1c2fffb1f09");
  });

  test("refuse a scalar that would overflow, or is no multiple of 8", () => {
    const large = fromHex(CANONICAL);
    large[31] = 0x20;
    expect(expandSecret(large)).toBeNull();
    const odd = fromHex(EXPANDED);
    odd[0] = 1;
    expect(() => canonicalSecret(odd)).toThrow(RangeError);
  });
});

describe("keypairFromSecret()", () => {
  test("finds the public key that belongs to the secret, and signs as it", () => {
    for (const original of [keypairFromMnemonic(WORDS), keypairFromUri("//Alice"), keypairFromUri("//Alice/soft//hard")]) {
      const key = keypairFromSecret(canonicalSecret(secretsOf(original).expanded))!;
      expect(key.ss58).toBe(original.ss58);
      expect(verifySignature(utf8("m"), key.sign(utf8("m")), original.ss58)).toBe(true);
    }
  });

  test("refuses a scalar out of range", () => {
    expect(keypairFromSecret(new Uint8Array(64).fill(0xff))).toBeNull();
  });
});

describe("verifySignature()", () => {
  test("agrees with @polkadot/keyring in both directions", () => {
    const theirs = new Keyring({ type: "sr25519", ss58Format: 42 }).addFromUri("//Alice");
    const ours = keypairFromUri("//Alice");
    for (const length of [0, 1, 255, 256, 257, 5000]) {
      const message = new Uint8Array(length).fill(length & 0xff);
      expect(theirs.verify(message, ours.sign(message), ours.publicKey), `${length} bytes`).toBe(true);
      expect(verifySignature(message, theirs.sign(message), ours.ss58), `${length} bytes`).toBe(true);
    }
  });

  test("refuses every flipped bit position of a signature, a changed message and another signer", () => {
    const alice = keypairFromUri("//Alice");
    const message = utf8("btauth/1");
    const signature = alice.sign(message);
    for (let index = 0; index < signature.length; index++) {
      const changed = signature.slice();
      changed[index]! ^= 1 << (index % 8);
      expect(verifySignature(message, changed, alice.ss58), `byte ${index}`).toBe(false);
    }
    expect(verifySignature(utf8("btauth/2"), signature, alice.ss58)).toBe(false);
    expect(verifySignature(message, signature, keypairFromUri("//Bob").ss58)).toBe(false);
    expect(verifySignature(message, signature, alice.ss58)).toBe(true);
  });

  test("does not accept the <Bytes> wrapping", () => {
    const alice = keypairFromUri("//Alice");
    expect(verifySignature(utf8("m"), alice.sign(utf8("<Bytes>m</Bytes>")), alice.ss58)).toBe(false);
  });

  test("answers false to hostile bytes and never throws", () => {
    const alice = keypairFromUri("//Alice");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ minLength: 32, maxLength: 32 }), (message, signature, key) => {
        expect(verifySignature(message, signature, alice.ss58)).toBe(false);
        expect(verifySignature(message, signature.length === 64 ? signature : new Uint8Array(64), encodeSs58(key))).toBe(false);
      }),
      { numRuns: 200 },
    );
    expect(verifySignature(utf8("m"), alice.sign(utf8("m")), "no address" as never)).toBe(false);
  });
});

describe("Hotkey", () => {
  test("shows no secret when printed, inspected or written as JSON", () => {
    const key = keypairFromMnemonic(WORDS);
    const seen = [String(key), JSON.stringify(key), inspect(key, { depth: 9, showHidden: true }), Bun.inspect(key), key.sign.toString()].join("\n");
    for (const secret of ["legal", "6fa2796b", EXPANDED.slice(0, 16), CANONICAL.slice(0, 16), NONCE_HALF.slice(0, 16), "111, 162, 121", "104, 85, 36"]) expect(seen).not.toContain(secret);
    expect(seen).toContain(key.ss58);
  });
});

describe("parseSs58()", () => {
  test("accepts prefix 42 and gives back the key", () => {
    const alice = parseSs58(ALICE)!;
    expect(toHex(decodeSs58(alice))).toBe("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d");
    expect(encodeSs58(decodeSs58(alice))).toBe(alice);
  });

  test("refuses every changed character, other prefixes, hex, other lengths and other types", () => {
    for (let index = 0; index < ALICE.length; index++) {
      const changed = ALICE.slice(0, index) + (ALICE[index] === "2" ? "3" : "2") + ALICE.slice(index + 1);
      expect(parseSs58(changed), changed).toBeNull();
    }
    const polkadot = "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5";
    for (const text of [polkadot, `0x${"11".repeat(32)}`, ` ${ALICE}`, `${ALICE}\n`, "", ALICE.slice(1), null, undefined, 5, [ALICE]]) expect(parseSs58(text), String(text)).toBeNull();
  });
});
