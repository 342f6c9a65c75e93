import { beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BtstoreError, concat, toHex, utf8 } from "../../lib/core/mod.ts";
import { openEncrypted } from "../../lib/wallet/encryption.ts";
import { decodeKeyfile } from "../../lib/wallet/keyfile.ts";
import { cryptoReady } from "../../lib/wallet/mod.ts";
import { openAnsible, openFernet } from "../../lib/wallet/legacy.ts";
import { ansible } from "./vault.ts";

const ADDRESS = "5EHgWw2Af1pnoc7f1A8bfmM97W3DAYW8xr82RfhLL9oAabAe";
const PASSWORD = "old password";

/** Written by `legacy_encrypt_keyfile_data` of bittensor-wallet 4.1.1. */
const ANSIBLE = `$ANSIBLE_VAULT;1.1;AES256
66633736316563376439306363306565373438326461623238333530326435643965386263316363
3731393431303830376662303637356635343362383930340a343730646437393037663166376561
34336239356265353563626361663838616561393935313333656538383737363737343137373461
3437363839373032390a333363343461616261376232663934633762333239613236623132656639
34393264303338333330656231353962313063636336336532633131616539333066326136343034
37666266323762396565386335373738386662626163663966643664653136336637366639376137
32356636636638333362396262643536306562366637313962653762643935373137623865383033
64613038653062343162326632613738613166393832356666616433633331396362643130343962
3137
`;

/** Made with OpenSSL by the Fernet specification; bittensor-core 0.1.5 opens it with the same password. */
const FERNET =
  "gAAAAABfXhAAAAECAwQFBgcICQoLDA0OD8WHsPLgPqY7ilMpR7-xnLy7nwH0I6eJW7X2kIYCjGeKNS8ObGA3UJdqwWFKVxc4fzv9eDxlCEVbO-fkLZAUT8wGCW3iKrecGGOhFVy3oUq5cOzBGzZKdWMsPUAika1c7kHq2yyIPZ_HHo_izNmzdgWwilDUpMl6Uxtfd6ZUHaCa";

beforeAll(cryptoReady);

describe("openAnsible()", () => {
  test("opens what btwallet wrote", async () => {
    expect((await decodeKeyfile(utf8(ANSIBLE), "Cannot open it", PASSWORD)).ss58 as string).toBe(ADDRESS);
  });

  test("gives back plain bytes of every length up to two blocks, with either line end", async () => {
    for (let length = 0; length <= 33; length++) {
      const plain = new Uint8Array(length).fill(length);
      expect(await openAnsible(ansible(plain, "p"), "p"), `${length} bytes`).toEqual(plain);
    }
    expect(await openAnsible(utf8(Buffer.from(ansible(utf8("x"), "p")).toString().replaceAll("\n", "\r\n")), "p")).toEqual(utf8("x"));
  });

  test("refuses a wrong password, every flipped digit, a cut, wrong padding and another version", async () => {
    const file = ansible(utf8("secret"), "p");
    expect(await openAnsible(file, "q")).toBeNull();
    const start = file.indexOf(10) + 1;
    for (let index = start; index < file.length - 1; index += 13) {
      if (file[index] === 10) continue;
      const changed = file.slice();
      changed[index] = changed[index] === 0x33 ? 0x36 : 0x33;
      expect(await openAnsible(changed, "p"), `byte ${index}`).toBeNull();
      expect(await openAnsible(file.subarray(0, index), "p"), `cut at ${index}`).toBeNull();
    }
    expect(await openAnsible(ansible(utf8("x"), "p", new Uint8Array(15).fill(17)), "p")).toBeNull();
    expect(await openAnsible(utf8(Buffer.from(file).toString().replace("1.1", "2.0")), "p")).toBeNull();
  });
});

describe("openFernet()", () => {
  test("opens the recorded token, and refuses another password and a changed byte", async () => {
    const changed = `${FERNET.slice(0, 60)}A${FERNET.slice(61)}`;
    const [opened, wrong, damaged] = await Promise.all([
      decodeKeyfile(utf8(`${FERNET}\n`), "Cannot open it", PASSWORD),
      openFernet(utf8(FERNET), "new password"),
      openFernet(utf8(changed), PASSWORD),
    ]);
    expect(opened.ss58 as string).toBe(ADDRESS);
    expect(wrong).toBeNull();
    expect(damaged).toBeNull();
  }, 60_000);

  test("refuses what is no token before any key derivation", async () => {
    for (const text of ["gAAAAA", `${FERNET}!`, FERNET.slice(0, -4), "gAAAAA".repeat(10_000)]) expect(await openFernet(utf8(text), PASSWORD), text.slice(0, 20)).toBeNull();
  });
});

describe("openEncrypted()", () => {
  test("tries a password as given and then trimmed", async () => {
    expect(await openEncrypted(ansible(utf8("x"), " p "), "ansible", " p ")).toEqual(utf8("x"));
    expect(await openEncrypted(ansible(utf8("x"), "p"), "ansible", " p\n")).toEqual(utf8("x"));
    expect(await openEncrypted(ansible(utf8("x"), " p "), "ansible", "p")).toBeNull();
  });

  test("never crashes on hostile vaults, tokens and what is inside of them", async () => {
    const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF\n \r;"), maxLength: 400 });
    const file = fc.oneof(
      hex.map((text) => utf8(`$ANSIBLE_VAULT;1.1;AES256\n${text}`)),
      hex.map((text) => utf8(`$ANSIBLE_VAULT;1.1;AES256\n${toHex(utf8(text))}`)),
      fc.string().map((text) => utf8(`$ANSIBLE_VAULT${text}`)),
      fc.jsonValue().map((value) => ansible(utf8(JSON.stringify(value)), "p")),
      fc.uint8Array({ maxLength: 60 }).map((bytes) => ansible(bytes, "p")),
      fc.string({ maxLength: 80 }).map((text) => utf8(`gAAAAA${text}`)),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => concat(utf8("$NACL"), bytes)),
    );
    await fc.assert(
      fc.asyncProperty(file, async (bytes) => {
        const outcome = await decodeKeyfile(bytes, "Cannot open it", "p").catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(BtstoreError);
        else expect(outcome).toHaveProperty("ss58");
      }),
      { numRuns: 150 },
    );
  });
});
