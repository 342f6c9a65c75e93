/** A program for `prompt.test.ts`, run on a terminal: asks, and says on stdout what it was told. */
import { confirm, readSecret } from "../../cmd/prompt.ts";
import { Screen } from "../../cmd/screen.ts";
import { BtstoreError } from "../../lib/core/mod.ts";

const stop = new AbortController();
process.on("SIGINT", () => stop.abort(new BtstoreError("cancelled", "Stopped")));
const { signal } = stop;
const screen = new Screen();
try {
  const answer = process.argv[2] === "confirm" ? await confirm(screen, "Go on?", "--no_prompt", signal) : await readSecret(screen, "Secret", "a variable", signal);
  console.log(`told ${JSON.stringify(answer)}.`);
} catch (error) {
  console.log(`failed ${(error as { code?: string }).code}: ${(error as Error).message}.`);
}
process.exit();
