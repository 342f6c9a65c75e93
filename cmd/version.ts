/** This program's version as the chain takes it: axons announce it, weights carry it as their version key. */
import { version } from "../package.json";
import { SEAL_PROFILE } from "../lib/core/mod.ts";

/** major · 1,000,000 + minor · 1,000 + patch (the SDK's convention since 7.2.0); a u32. */
export function versionNumber(): number {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  return major * 1_000_000 + minor * 1_000 + patch;
}

/** What `--version` says: version, commit, seal profile and the CPU level chosen, on one line. */
export async function versionText(): Promise<string> {
  // Loaded here: help and every command would pay for the library else.
  const { cpuLevel } = await import("../lib/native/mod.ts");
  return `btstore ${version} (${process.env["BTSTORE_COMMIT"] ?? "from source"}), seal profile ${SEAL_PROFILE.name}, CPU level ${cpuLevel()}`;
}
