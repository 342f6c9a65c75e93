import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BtstoreError } from "../../lib/core/mod.ts";
import { dropFileCache } from "../../lib/native/mod.ts";

describe("dropFileCache()", () => {
  test("leaves the bytes as they are, and says which file it cannot open", () => {
    const folder = mkdtempSync(join(tmpdir(), "btstore-cache-"));
    try {
      const path = join(folder, "file");
      const bytes = crypto.getRandomValues(new Uint8Array(65_536));
      writeFileSync(path, bytes);
      dropFileCache(path);
      expect(Buffer.compare(readFileSync(path), bytes)).toBe(0);
      const missing = join(folder, "none");
      expect(() => dropFileCache(missing)).toThrow(new BtstoreError("disk", `Cannot open "${missing}": ENOENT: no such file or directory, open '${missing}'`));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
