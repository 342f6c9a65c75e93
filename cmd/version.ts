/** This program's version as the chain takes it: axons announce it, weights carry it as their version key. */
import { version } from "../package.json";

/** major · 1,000,000 + minor · 1,000 + patch (the SDK's convention since 7.2.0); a u32. */
export function versionNumber(): number {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  return major * 1_000_000 + minor * 1_000 + patch;
}
