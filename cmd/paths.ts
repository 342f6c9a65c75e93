/** Paths as people type them. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** A path with `~` at its start as the home folder, made absolute. */
export function expandHome(path: string): string {
  return resolve(path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path);
}
