import { expect, test } from "bun:test";
import { join } from "node:path";

// The kernels are those of the library, from the build's cache; only the test's own root is compiled.
test("zig build test passes", () => {
  const { exitCode, stderr } = Bun.spawnSync(["zig", "build", "test", "-Doptimize=ReleaseFast"], {
    cwd: join(import.meta.dir, "../../zig"),
    env: { ...process.env, PATH: `${join(import.meta.dir, "../../node_modules/.bin")}:${process.env.PATH}` },
  });
  expect(exitCode, stderr.toString()).toBe(0);
}, 300_000);
