import { describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BtstoreError } from "../../lib/core/mod.ts";
import { dropFileCache, preallocate } from "../../lib/native/mod.ts";

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

describe("preallocate()", () => {
  test("reserves the whole length, keeps what is in the file, and says when there is no such space", () => {
    const folder = mkdtempSync(join(tmpdir(), "btstore-space-"));
    const path = join(folder, "file");
    writeFileSync(path, "kept");
    const file = openSync(path, "r+");
    try {
      if (!preallocate(file, 1 << 20)) return;
      expect(statSync(path)).toMatchObject({ size: 1 << 20, blocks: expect.any(Number) });
      expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(1 << 20);
      expect(readFileSync(path).subarray(0, 5).toString()).toBe("kept\0");
      expect(() => preallocate(file, 2 ** 52)).toThrow(expect.objectContaining({ code: "disk_full" }));
      expect(() => preallocate(file, 0)).toThrow(RangeError);
    } finally {
      closeSync(file);
      rmSync(folder, { recursive: true });
    }
  });
});
