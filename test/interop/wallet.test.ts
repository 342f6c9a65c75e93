/** Wallets against the real ones: bittensor-wallet of SDK 10.5.0 and bittensor-core of SDK 11. Skipped where Python or PyPI is missing. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromHex, utf8 } from "../../lib/core/mod.ts";
import { decodeKeyfile } from "../../lib/wallet/keyfile.ts";
import { createColdkey, createHotkey, cryptoReady, type Hotkey, loadColdkey, loadColdkeyAddress, loadHotkey, rewriteKey, signatureText, verifyMessage, verifySignature } from "../../lib/wallet/mod.ts";
import { obfuscatePassword, passwordVariable } from "../../lib/wallet/password.ts";
import { type BittensorRelease, interpreter } from "./venv.ts";

const RELEASES: readonly BittensorRelease[] = ["10.5.0", "11.3.0"];
const PASSWORD = "correct horse, grün";
const MESSAGE = "interop";
const WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const SEED = "0x6fa2796b0071cac425d8a7851038318c2c37dcebfe4bae73197ce93e75909bd2";
const SECRET = "0xad8a44476e667ef8eab356d1d6f09303f21ba1ac44a3f8b96210bdd603d1900bb25d15f130020fffc3261f584f84168e7a6f0009f6c3abb2f3fa460f493b0595";
const ADDRESS = "5EHgWw2Af1pnoc7f1A8bfmM97W3DAYW8xr82RfhLL9oAabAe";
const ED25519_ADDRESS = "5ErKjJLUyc8TTU2vNKrj5UciogZho2MDawb6nN2KG44aU1aB";
const ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

const root = mkdtempSync(join(tmpdir(), "btstore-interop-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const pythons = new Map<BittensorRelease, string | null>();
for (const release of RELEASES) pythons.set(release, await interpreter(release));
const isAny = [...pythons.values()].some((python) => python !== null);

/** Hands one order to the other side and gives what it answered. */
async function ask<T>(python: string, order: object, environment: Record<string, string> = {}): Promise<T> {
  const env = { PATH: process.env["PATH"] ?? "", HOME: root, ...environment };
  const child = Bun.spawn([python, join(import.meta.dir, "wallet.py")], { stdin: utf8(JSON.stringify(order)), stdout: "pipe", stderr: "pipe", env });
  const [stdout, stderr, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as T;
}

describe.skipIf(!isAny)("a wallet of ours", () => {
  const hotkeys = ["plain", "seeded", "decrypted"] as const;
  const keys: Record<string, Hotkey> = {};

  beforeAll(async () => {
    await cryptoReady();
    const at = (hotkey: string) => ({ path: root, name: "ours", hotkey });
    await createColdkey(at("plain"), { password: PASSWORD });
    await createHotkey(at("plain"), { password: null });
    await createHotkey(at("seeded"), { secret: `0x${"17".repeat(32)}`, password: null });
    await createHotkey(at("decrypted"), { secret: WORDS, password: null });
    for (const hotkey of hotkeys) keys[hotkey] = await loadHotkey(at(hotkey));
  }, 60_000);

  for (const release of RELEASES) {
    test.skipIf(pythons.get(release) === null)(`opens in ${release}, coldkey with the password from its variable, and each verifies the other's signatures`, async () => {
      const coldkey = await loadColdkeyAddress({ path: root, name: "ours", hotkey: "plain" });
      const variable = passwordVariable(join(root, "ours", "coldkey"));
      const signatures = Object.fromEntries(hotkeys.map((hotkey) => [hotkey, signatureText(keys[hotkey]!, utf8(MESSAGE))]));
      const order = { do: "read", folder: root, hotkeys, message: MESSAGE, signatures };
      const seen = await ask<Record<"addresses" | "pubs" | "signatures", Record<string, string>> & { verified: Record<string, boolean> }>(
        pythons.get(release)!, order, { [variable]: obfuscatePassword(PASSWORD, variable) },
      );
      const wanted = Object.fromEntries(hotkeys.map((hotkey) => [hotkey, String(keys[hotkey]!.ss58)]));
      expect(seen.addresses).toEqual({ coldkey, ...wanted });
      expect(seen.pubs).toEqual({ coldkey, plain: wanted["plain"]! });
      expect(seen.verified).toEqual({ plain: true, seeded: true, decrypted: true });
      for (const hotkey of hotkeys) expect(verifyMessage(MESSAGE, seen.signatures[hotkey]!, keys[hotkey]!.ss58), hotkey).toEqual({ reading: "text", isWrapped: false });
      expect(verifySignature(utf8(MESSAGE), fromHex(seen.signatures["coldkey"]!), coldkey)).toBe(true);
    }, 60_000);
  }
});

for (const release of RELEASES) {
  const python = pythons.get(release) ?? null;
  describe.skipIf(python === null)(`a wallet of ${release}`, () => {
    const folder = join(root, release);
    let theirs: { made: Record<string, string>; variable: string; value: string };

    beforeAll(async () => {
      await cryptoReady();
      theirs = await ask(python!, { do: "make", folder, password: PASSWORD });
    }, 60_000);

    test("opens here: every hotkey, however it was made, and the coldkey with the password from the variable they set", async () => {
      const at = (hotkey: string) => ({ path: folder, name: "theirs", hotkey });
      for (const hotkey of ["plain", "seeded", "text", "uri"]) {
        const key = await loadHotkey(at(hotkey));
        expect(String(key.ss58), hotkey).toBe(theirs.made[hotkey]!);
        expect(verifySignature(utf8("m"), key.sign(utf8("m")), key.ss58), hotkey).toBe(true);
      }
      expect(String(await loadColdkeyAddress(at("plain")))).toBe(theirs.made["coldkey"]!);
      expect(readFileSync(join(folder, "theirs", "coldkey"), "latin1")).toStartWith("$NACL");
      expect(theirs.variable).toBe(passwordVariable(join(folder, "theirs", "coldkey")));
      const coldkey = await loadColdkey(at("plain"), { environment: { [theirs.variable]: theirs.value } });
      expect(String(coldkey.ss58)).toBe(theirs.made["coldkey"]!);
    }, 60_000);

    // 11 reads vaults and writes none.
    if (release === "10.5.0") test("opens here when it is an Ansible vault, and can be stored plain", async () => {
      const at = { path: folder, name: "theirs", hotkey: "vault" };
      const unlock = { environment: { BT_WALLET_PASSWORD: PASSWORD } };
      expect(String((await loadHotkey(at, unlock)).ss58)).toBe(ALICE);
      expect(await rewriteKey(at, "hotkey", unlock, null)).toMatchObject({ before: "ansible" });
      expect(String((await loadHotkey(at)).ss58)).toBe(ALICE);
    }, 60_000);

    test("reads odd key files as we do, but for those it takes without a check", async () => {
      const file = (fields: object) => JSON.stringify(fields);
      const isNewer = release !== "10.5.0";
      /** Text, the address here, the address there. */
      const cases: [string, string | null, string | null][] = [
        [file({ secretPhrase: WORDS }), ADDRESS, ADDRESS],
        [file({ secretSeed: SEED, secretPhrase: null, privateKey: null, accountId: null }), ADDRESS, ADDRESS],
        [file({ " ss58Address": ADDRESS, secretSeed: SEED }), ADDRESS, ADDRESS],
        [file({ privateKey: SECRET }), ADDRESS, ADDRESS],
        [file({ privateKey: SEED }), ADDRESS, ADDRESS],
        [file({ secretSeed: SECRET }), ADDRESS, ADDRESS],
        [file({ secretSeed: SEED, ss58Address: ADDRESS, cryptoType: "1" }), ADDRESS, ADDRESS],
        [file({ secretPhrase: `${WORDS} extra` }), null, null],
        [file({ secretSeed: SEED, cryptoType: 7 }), null, null],
        [file({ ss58Address: ADDRESS }), null, null],
        [file([SEED]), null, null],
        ["{", null, null],
        [SEED, ADDRESS, isNewer ? ADDRESS : null],
        [SEED.slice(2), ADDRESS, isNewer ? ADDRESS : null],
        [`${WORDS}\n`, ADDRESS, isNewer ? ADDRESS : null],
        // The wrong scheme is corrected by the address; 10.5.0 believes the scheme.
        [file({ secretPhrase: WORDS, ss58Address: ADDRESS, cryptoType: 0 }), ADDRESS, isNewer ? ADDRESS : ED25519_ADDRESS],
        // Not ours to sign with.
        [file({ secretPhrase: WORDS, ss58Address: ED25519_ADDRESS, cryptoType: 0 }), null, ED25519_ADDRESS],
        [file({ secretPhrase: WORDS, ss58Address: ED25519_ADDRESS }), null, isNewer ? ED25519_ADDRESS : ADDRESS],
        // Somebody else's address beside the secret.
        [file({ secretPhrase: WORDS, ss58Address: ALICE }), null, isNewer ? null : ADDRESS],
        [file({ secretPhrase: WORDS, publicKey: `0x${"11".repeat(32)}` }), null, ADDRESS],
      ];
      const ours = await Promise.all(cases.map(([text]) => decodeKeyfile(utf8(text), "Cannot open it", null).then((key) => String(key.ss58), () => null)));
      const { addresses } = await ask<{ addresses: (string | null)[] }>(python!, { do: "deserialize", contents: cases.map(([text]) => text) });
      for (const [index, [text, here, there]] of cases.entries()) expect([ours[index], addresses[index]], text).toEqual([here, there]);
    }, 60_000);
  });
}
