/**
 * A program for `spawn.test.ts`, run from source: a parent that starts itself as a child the way `devnet` starts roles.
 *
 * `parent` prints the child's lines and its end; `child` says what it was given and waits; `orphan` prints its parent's end.
 */
import { selfCommand, startSelf, watchParent, childEnvironment } from "../../cmd/spawn.ts";

const [role, marker] = process.argv.slice(2);
if (role === "parent") {
  const child = startSelf(["child", "x y"], { lowPriority: true, onLine: (line) => console.log(`out ${line}`), onLogLine: (line) => console.log(`err ${line}`) });
  console.log(`end ${await child.exited}`);
} else if (role === "child") {
  console.log(JSON.stringify({ marker, options: process.env["BUN_OPTIONS"] ?? null, be: process.env["BUN_BE_BUN"] ?? null }));
  const stat = (await Bun.file("/proc/self/stat").text()).split(" ");
  console.error(`nice ${stat[18]}, own session ${stat[5] === stat[0]}`);
  process.stdout.write("no line end");
  process.exitCode = 9;
} else if (role === "keeper") {
  // Dies by SIGKILL from outside; the orphan holds none of its pipes but stdout.
  Bun.spawn(selfCommand(["orphan"]), { env: childEnvironment(), stdio: ["ignore", "inherit", "inherit"] });
  setInterval(() => {}, 1000);
} else if (role === "orphan") {
  const alive = setInterval(() => {}, 1000);
  watchParent(() => {
    console.log("gone");
    clearInterval(alive);
  });
  console.log("watching");
}
