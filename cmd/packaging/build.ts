/** Makes `dist/btstore` for this machine. */
import { join } from "node:path";
import { buildExecutable, ROOT } from "./bundle.ts";

await buildExecutable(join(ROOT, "dist/btstore"));
