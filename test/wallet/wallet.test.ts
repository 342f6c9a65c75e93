import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Keyring } from "@polkadot/keyring";
import fc from "fast-check";
import { BtstoreError, fromHex, toHex, utf8 } from "../../lib/core/mod.ts";
import { decodeKeyfile, decodePublicKeyfile } from "../../lib/wallet/keyfile.ts";
import { cryptoReady, createColdkey, createHotkey, describeWallet, keypairFromUri, listWallets, loadColdkey, loadColdkeyAddress, loadHotkey, rewriteKey, verifySignature, walletPaths } from "../../lib/wallet/mod.ts";
import { openNacl, sealNacl } from "../../lib/wallet/nacl.ts";
import { obfuscatePassword, passwordVariable } from "../../lib/wallet/password.ts";
import { ansible } from "./vault.ts";

const WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const PUBLIC = "625e25364c7b68e0a83065ccb40afed43f8fe933e669b24f3d69a57eddb3b715";
const SEED = "6fa2796b0071cac425d8a7851038318c2c37dcebfe4bae73197ce93e75909bd2";
const SECRET = "ad8a44476e667ef8eab356d1d6f09303f21ba1ac44a3f8b96210bdd603d1900bb25d15f130020fffc3261f584f84168e7a6f0009f6c3abb2f3fa460f493b0595";
const ADDRESS = "5EHgWw2Af1pnoc7f1A8bfmM97W3DAYW8xr82RfhLL9oAabAe";
const ACTION = "Cannot open it";

/** The ed25519 address of the same words, by bittensor-wallet 4.1.1. */
const ED25519_ADDRESS = "5ErKjJLUyc8TTU2vNKrj5UciogZho2MDawb6nN2KG44aU1aB";
const ED25519 = "the key is an ed25519 key, and btstore signs with sr25519 keys only; make one with btstore wallet new-hotkey";
const NO_PASSWORD = "the file is encrypted and no password was given; set BT_WALLET_PASSWORD or --wallet.password_file, or run the command in a terminal";

const root = mkdtempSync(join(tmpdir(), "btstore-wallet-"));
beforeAll(cryptoReady);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const bytesOf = (value: unknown) => utf8(JSON.stringify(value));
const place = (name: string) => ({ path: root, name, hotkey: "default" });

async function faultOf(promise: Promise<unknown>): Promise<BtstoreError> {
  const error = await promise.then(() => null, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BtstoreError);
  return error as BtstoreError;
}

describe("decodeKeyfile()", () => {
  const full = { ss58Address: ADDRESS, secretSeed: `0x${SEED}`, privateKey: `0x${SECRET}`, accountId: `0x${PUBLIC}`, secretPhrase: WORDS, publicKey: `0x${PUBLIC}` };

  test("opens btcli's file whatever keys are missing or null, as long as one secret is there", async () => {
    for (const [name, file] of Object.entries({
      full,
      words: { secretPhrase: WORDS },
      seed: { secretSeed: SEED, secretPhrase: null, privateKey: null },
      "secret and address": { privateKey: full.privateKey, ss58Address: ADDRESS },
      "secret and account": { privateKey: full.privateKey, accountId: full.accountId, ss58Address: null, secretSeed: "" },
      "newest": { ...full, cryptoType: 1, accountType: "classical" },
      "newest from JavaScript tools": { ...full, cryptoType: "1" },
      "wrong scheme, but the address is sr25519's": { ...full, cryptoType: 0 },
      "a space before the address": { " ss58Address": ADDRESS, secretSeed: SEED },
      "made from a URI": { accountId: full.accountId, publicKey: full.publicKey, privateKey: full.privateKey, ss58Address: ADDRESS, cryptoType: 1 },
      "secret alone": { privateKey: SECRET },
      "secret in the seed's place": { secretSeed: `0x${SECRET}` },
      "seed in the secret's place": { privateKey: SEED },
      "a seed that bittensor-wallet 4.1.1 wrote as text": { ...full, secretPhrase: null, secretSeed: `0x${"\u0017".repeat(32)}` },
    })) {
      const key = await decodeKeyfile(bytesOf(file), ACTION, null);
      expect(key.ss58 as string, name).toBe(ADDRESS);
      expect(verifySignature(utf8("m"), key.sign(utf8("m")), key.ss58), name).toBe(true);
    }
  });

  test("opens files that are nothing but a secret's text, with any line end", async () => {
    for (const text of [SEED, `0x${SEED}\n`, `0x${SECRET}`, WORDS, `${WORDS.replaceAll(" ", "  ").toUpperCase()}\r\n`]) {
      expect((await decodeKeyfile(utf8(text), ACTION, null)).ss58 as string).toBe(ADDRESS);
    }
  });

  test("says what is wrong with a file, and never repeats it", async () => {
    const alice = keypairFromUri("//Alice");
    const cases: [Uint8Array, string][] = [
      [bytesOf({ ...full, ss58Address: alice.ss58 }), "its address and public key differ"],
      [bytesOf({ secretPhrase: WORDS, ss58Address: alice.ss58 }), "its secret does not belong to the address in it"],
      [bytesOf({ secretSeed: SEED, ss58Address: alice.ss58 }), "its secret does not belong to the address in it"],
      [bytesOf({ privateKey: SECRET, ss58Address: alice.ss58 }), "its secret does not belong to the address in it"],
      [bytesOf({ " ss58Address": alice.ss58, secretSeed: SEED }), "its secret does not belong to the address in it"],
      [bytesOf({ privateKey: `${"ff".repeat(32)}${SECRET.slice(64)}`, ss58Address: ADDRESS }), "its secret does not belong to the address in it"],
      [bytesOf({ ss58Address: ADDRESS }), "the file holds no secret, only a public key"],
      [bytesOf({ secretPhrase: "legal winner" }), '"secretPhrase" is no valid mnemonic'],
      [bytesOf({ secretSeed: SEED.slice(2) }), '"secretSeed" is not 32 or 64 bytes in hex'],
      [bytesOf({ secretSeed: `0x${"\u0017".repeat(32)}`, ss58Address: ADDRESS }), '"secretSeed" is not 32 or 64 bytes in hex'],
      [bytesOf({ privateKey: 7, ss58Address: ADDRESS }), '"privateKey" is no text'],
      [bytesOf({ secretPhrase: WORDS, cryptoType: 0 }), ED25519],
      [bytesOf({ secretPhrase: WORDS, ss58Address: ED25519_ADDRESS }), ED25519],
      [bytesOf({ secretSeed: SEED, ss58Address: ED25519_ADDRESS, cryptoType: 1 }), ED25519],
      [bytesOf({ ...full, cryptoType: 5 }), "the key is of a newer kind, neither sr25519 nor ed25519"],
      [bytesOf({ ...full, hashedDescriptor: "0x00" }), "the key is of a newer kind, neither sr25519 nor ed25519"],
      [bytesOf([full]), "the file is no JSON object"],
      [utf8(`${WORDS} extra`), "the file is no JSON key file"],
      [Uint8Array.of(0xff, 0xfe, 0x00), "the file is no key file"],
      [utf8("$ANSIBLE_VAULT;1.1;AES256\n00"), NO_PASSWORD],
      [utf8("gAAAAABk"), NO_PASSWORD],
      [utf8("$NACL"), NO_PASSWORD],
    ];
    for (const [file, reason] of cases) {
      const error = await faultOf(decodeKeyfile(file, ACTION, null));
      expect(error.message).toBe(`${ACTION}: ${reason}`);
      expect(error.code).toBe("wallet");
      for (const secret of ["legal", SEED.slice(2, 12), SECRET.slice(0, 10)]) expect(Bun.inspect(error)).not.toContain(secret);
    }
  });

  test("never crashes on hostile files", async () => {
    const value = fc.oneof(fc.constant(null), fc.string(), fc.integer(), fc.constantFrom(`0x${SEED}`, `0x${SECRET}`, WORDS, ADDRESS), fc.array(fc.string()), fc.object());
    const field = fc.constantFrom("accountId", "publicKey", "privateKey", "secretPhrase", "secretSeed", "ss58Address", "cryptoType", "hashedDescriptor", "__proto__");
    const file = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.jsonValue().map(bytesOf), fc.dictionary(field, value).map(bytesOf));
    await fc.assert(
      fc.asyncProperty(file, async (bytes) => {
        const outcome = await decodeKeyfile(bytes, ACTION, null).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(BtstoreError);
        else expect(outcome).toHaveProperty("ss58");
      }),
      { numRuns: 500 },
    );
  });
});

describe("$NACL files", () => {
  const VECTOR =
    "244e41434c000102030405060708090a0b0c0d0e0f101112131415161791c8da2bb0c6ad27da25344e05c5fe609a6a3bc85f7e276ccb071c572208e091df0ca7";

  test("sealNacl() and openNacl() reproduce the recorded vector, in parallel, and the main thread goes on meanwhile", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 5);
    const nonce = Uint8Array.from({ length: 24 }, (_, index) => index);
    const [sealed, opened] = await Promise.all([
      sealNacl(utf8('{"ss58Address":"x"}'), "correct horse", nonce),
      openNacl(fromHex(VECTOR), "correct horse"),
    ]);
    clearInterval(timer);
    expect(toHex(sealed)).toBe(VECTOR);
    expect(new TextDecoder().decode(opened!)).toBe('{"ss58Address":"x"}');
    expect(turns).toBeGreaterThan(0);
  }, 60_000);

  test("createColdkey() encrypts, loadColdkey() opens it with the password from either variable, and names a wrong one", async () => {
    const location = place("sealed");
    const created = await createColdkey(location, { secret: WORDS, password: "hunter2 pass" });
    const file = readFileSync(created.path);
    expect(file.subarray(0, 5).toString()).toBe("$NACL");
    expect(file.toString("latin1")).not.toContain("legal");
    const variable = passwordVariable(created.path);
    const hidden = { [variable]: obfuscatePassword("hunter2 pass", variable) };
    const [key, wrong] = await Promise.all([loadColdkey(location, { environment: hidden }), faultOf(loadColdkey(location, { environment: { BT_WALLET_PASSWORD: "hunter3" } }))]);
    expect(key.ss58 as string).toBe(ADDRESS);
    expect(wrong.message).toBe('Cannot open the coldkey of wallet "sealed": the password is wrong, or the file is damaged');
    expect((await faultOf(loadColdkey(location, { environment: {} }))).message).toContain("the file is encrypted and no password was given");
    expect((await loadColdkeyAddress(location)) as string).toBe(ADDRESS);
  }, 60_000);

  test("openNacl() refuses a cut file before any key derivation", async () => {
    expect(await openNacl(fromHex(VECTOR).subarray(0, 44), "correct horse")).toBeNull();
  });
});

describe("createHotkey() and loadHotkey()", () => {
  test("write what @polkadot/keyring's key is, for the owner only, and leave no temporary file", async () => {
    const location = place("plain");
    const created = await createHotkey(location, { password: null });
    expect(created.ss58 as string).toBe(new Keyring({ type: "sr25519", ss58Format: 42 }).addFromMnemonic(created.mnemonic!).address);
    const paths = walletPaths(location);
    expect(readdirSync(dirname(paths.hotkey)).sort()).toEqual(["default", "defaultpub.txt"]);
    for (const path of [paths.hotkey, paths.hotkeyPub]) expect(statSync(path).mode & 0o777, path).toBe(0o600);
    expect(JSON.parse(readFileSync(paths.hotkeyPub, "utf8"))).toEqual({ accountId: expect.any(String), publicKey: expect.any(String), ss58Address: created.ss58 });
    const key = await loadHotkey(location);
    expect(verifySignature(utf8("m"), key.sign(utf8("m")), created.ss58)).toBe(true);
  });

  test("write the recorded secret in canonical form", async () => {
    const created = await createHotkey(place("canonical"), { secret: WORDS, password: null });
    expect(JSON.parse(readFileSync(created.path, "utf8"))).toEqual({
      accountId: `0x${PUBLIC}`, publicKey: `0x${PUBLIC}`, privateKey: `0x${SECRET}`, secretPhrase: WORDS, secretSeed: `0x${SEED}`, ss58Address: ADDRESS,
    });
  });

  test("never overwrite a private or a pub file unless told", async () => {
    const location = place("kept");
    const first = await createHotkey(location, { password: null });
    const before = readFileSync(first.path, "utf8");
    expect((await faultOf(createHotkey(location, { password: null }))).message).toBe(`Cannot make the hotkey "default" of wallet "kept": "${first.path}" exists and is not overwritten`);
    expect(readFileSync(first.path, "utf8")).toBe(before);
    rmSync(first.path);
    expect((await faultOf(createHotkey(location, { password: null }))).message).toContain("defaultpub.txt");
    const second = await createHotkey(location, { password: null, overwrite: true });
    expect(second.ss58).not.toBe(first.ss58);
    expect((await loadHotkey(location)).ss58).toBe(second.ss58);
  });

  test("only one of several at once wins", async () => {
    const location = place("race");
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => createHotkey(location, { password: null })));
    const winners = outcomes.filter((outcome) => outcome.status === "fulfilled");
    expect(winners).toHaveLength(1);
    expect((await loadHotkey(location)).ss58).toBe(winners[0]!.value.ss58);
    expect(decodePublicKeyfile(readFileSync(walletPaths(location).hotkeyPub), ACTION)).toBe(winners[0]!.value.ss58);
  });

  test("say where the file should be and which command makes it", async () => {
    const location = place("nobody");
    expect((await faultOf(loadHotkey(location))).message).toBe(
      `Cannot open the hotkey "default" of wallet "nobody": no file at "${join(root, "nobody", "hotkeys", "default")}"; make one with "btstore wallet new-hotkey"`,
    );
    expect((await faultOf(loadColdkeyAddress(location))).message).toContain("coldkeypub.txt");
  });

  test("refuse a file larger than any key file, and a folder in its place", async () => {
    mkdirSync(join(root, "odd", "hotkeys", "folder"), { recursive: true });
    writeFileSync(join(root, "odd", "hotkeys", "large"), "x".repeat(70_000));
    expect((await faultOf(loadHotkey({ path: root, name: "odd", hotkey: "large" }))).message).toContain("is larger than any key file");
    expect((await faultOf(loadHotkey({ path: root, name: "odd", hotkey: "folder" }))).message).toContain("cannot read");
  });
});

describe("walletPaths()", () => {
  test("expands the home folder and refuses names that leave it", () => {
    expect(walletPaths({ path: "~/.bittensor/wallets", name: "a", hotkey: "b" }).hotkey).toBe(join(homedir(), ".bittensor/wallets/a/hotkeys/b"));
    for (const name of ["", ".", "..", "a/b", "../x", "a\0"]) {
      expect(() => walletPaths({ path: "/w", name, hotkey: "b" })).toThrow(BtstoreError);
      expect(() => walletPaths({ path: "/w", name: "a", hotkey: name })).toThrow(BtstoreError);
    }
  });
});

describe("listWallets()", () => {
  test("lists names and addresses, also of damaged and encrypted ones, and nothing of a missing folder", async () => {
    const path = join(root, "list");
    const hotkey = await createHotkey({ path, name: "b", hotkey: "h1" }, { secret: WORDS, password: null });
    rmSync(`${hotkey.path}pub.txt`);
    const coldkey = await createColdkey({ path, name: "a", hotkey: "x" }, { password: null });
    writeFileSync(join(path, "b", "hotkeys", "h2"), "$NACL…");
    writeFileSync(join(path, "note.txt"), "");
    expect(await listWallets(path)).toEqual([
      { name: "a", coldkey: coldkey.ss58, hotkeys: [] },
      { name: "b", coldkey: null, hotkeys: [{ name: "h1", ss58: hotkey.ss58 }, { name: "h2", ss58: null }] },
    ]);
    expect(await listWallets(join(root, "missing"))).toEqual([]);
  });

  test("does not show a seed as an address, where a file is nothing but a seed", async () => {
    const path = join(root, "bare");
    mkdirSync(join(path, "w", "hotkeys"), { recursive: true });
    writeFileSync(join(path, "w", "hotkeys", "h"), `0x${SEED}`);
    expect(await listWallets(path)).toEqual([{ name: "w", coldkey: null, hotkeys: [{ name: "h", ss58: null }] }]);
    expect((await describeWallet({ path, name: "w", hotkey: "h" })).hotkey).toMatchObject({ state: "damaged", ss58: null });
    expect((await loadHotkey({ path, name: "w", hotkey: "h" })).ss58 as string).toBe(ADDRESS);
  });
});

describe("decodePublicKeyfile()", () => {
  test("reads a pub file of either scheme, and the first wallets' bare public key", () => {
    for (const file of [bytesOf({ ss58Address: ADDRESS }), bytesOf({ publicKey: `0x${PUBLIC}`, cryptoType: 0 }), bytesOf({ " ss58Address": ADDRESS }), utf8(`0x${PUBLIC}\n`)]) {
      expect(decodePublicKeyfile(file, ACTION) as string).toBe(ADDRESS);
    }
    for (const file of [bytesOf({}), utf8(ADDRESS), bytesOf({ ss58Address: ADDRESS, publicKey: `0x${"11".repeat(32)}` }), bytesOf({ ss58Address: ADDRESS, cryptoType: 2 })]) {
      expect(() => decodePublicKeyfile(file, ACTION)).toThrow(BtstoreError);
    }
  });
});

describe("describeWallet()", () => {
  test("says of each file whether it is there, how it is encrypted, and whose it is", async () => {
    const location = { path: join(root, "states"), name: "w", hotkey: "h" };
    const hotkey = await createHotkey(location, { secret: WORDS, password: null });
    const paths = walletPaths(location);
    writeFileSync(paths.coldkey, "$NACL…");
    writeFileSync(paths.coldkeyPub, "{");
    expect(await describeWallet(location)).toEqual({
      coldkey: { path: paths.coldkey, state: "nacl", ss58: null },
      coldkeypub: { path: paths.coldkeyPub, state: "damaged", ss58: null },
      hotkey: { path: paths.hotkey, state: "plain", ss58: hotkey.ss58 },
      hotkeypub: { path: paths.hotkeyPub, state: "plain", ss58: hotkey.ss58 },
    });
    expect((await describeWallet(place("nobody"))).coldkey.state).toBe("missing");
  });
});

describe("rewriteKey()", () => {
  // Encrypting takes seconds and is tested once, by the command.
  test("stores an encrypted key plain and adds its pub file; refuses what is so already", async () => {
    const location = { path: join(root, "rewrite"), name: "w", hotkey: "h" };
    const { path } = await createHotkey(location, { secret: WORDS, password: null });
    rmSync(`${path}pub.txt`);
    writeFileSync(path, ansible(WORDS, "hunter2 pass"));
    const shown: string[] = [];
    const showWaiting = <T>(what: string, work: Promise<T>) => (shown.push(what), work);
    const unlock = { environment: { BT_WALLET_PASSWORD: "hunter2 pass" }, showWaiting };
    expect(await rewriteKey(location, "hotkey", unlock, null)).toEqual({ ss58: ADDRESS as never, path, before: "ansible" });
    expect(shown).toEqual(['Opening the hotkey "h" of wallet "w"']);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ ss58Address: ADDRESS, secretPhrase: WORDS });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(`${path}pub.txt`, "utf8"))).toMatchObject({ ss58Address: ADDRESS });
    expect((await faultOf(rewriteKey(location, "hotkey", unlock, null))).message).toBe(`Cannot decrypt the hotkey "h" of wallet "w": "${path}" is plain already`);
    writeFileSync(path, "$NACL");
    expect((await faultOf(rewriteKey(location, "hotkey", unlock, async () => "x"))).message).toContain("is encrypted already");
    expect((await faultOf(rewriteKey(place("nobody"), "coldkey", unlock, null))).message).toContain("no file at");
  });
});
