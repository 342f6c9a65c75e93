import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { btstore } from "./executable.ts";

const folder = mkdtempSync(join(tmpdir(), "btstore-mine-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("btstore mine", () => {
  test("refuses flags that cannot be meant before it does anything, with status 2", async () => {
    const pem = join(folder, "cert.pem");
    writeFileSync(pem, "no certificate");
    const cases: [words: string[], text: string][] = [
      [["--axon.tls_cert", pem], "--axon.tls_cert and --axon.tls_key need each other"],
      [["--axon.tls_key", pem], "--axon.tls_cert and --axon.tls_key need each other"],
      [["--axon.tls_cert", pem, "--axon.tls_key", join(folder, "missing.pem")], `Cannot read "${join(folder, "missing.pem")}"`],
      [["--blacklist.hotkeys", "5abc"], 'Cannot read "--blacklist.hotkeys": "5abc" is no SS58 address'],
      [["--blacklist.whitelist_hotkeys", "5abc"], 'Cannot read "--blacklist.whitelist_hotkeys": "5abc" is no SS58 address'],
    ];
    for (const [words, text] of cases) {
      const ended = await btstore(["mine", "--wallet.path", folder, "--db_path", folder, ...words]);
      expect(ended.status, words.join(" ")).toBe(2);
      expect(ended.stderr).toContain(text);
      expect(ended.stdout).toBe("");
    }
  });
});
