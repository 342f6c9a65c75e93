/** `npm start`: runs the longest real path there is, and says what is still missing before the whole network runs. */
import { join } from "node:path";
import { COMMANDS } from "../commands.ts";
import type { CommandName } from "../flags.ts";

/** Best first. */
const PATHS: readonly CommandName[] = ["devnet", "bench", "wallet list"];

const best = PATHS.find((name) => COMMANDS[name])!;
const missing = PATHS.slice(0, PATHS.indexOf(best));
if (missing.length > 0) process.stderr.write(`Not there yet: ${missing.map((name) => `btstore ${name}`).join(", ")}; running "btstore ${best}"\n`);
const child = Bun.spawn([join(import.meta.dir, "../../dist/btstore"), ...best.split(" "), ...process.argv.slice(2)], { stdio: ["inherit", "inherit", "inherit"] });
// Ctrl-C reaches the child by itself, as it is in the same terminal; this process only waits for its end.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
process.exitCode = await child.exited;
