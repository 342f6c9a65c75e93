/** An axon of its own process, for a test that kills it: the nonce file's path as its argument, its port on stdout. */
import { silentLog, systemClock } from "../../lib/core/mod.ts";
import { createAxon, listenAxon } from "../../lib/wire/mod.ts";
import { miner } from "./fixture.ts";

const axon = createAxon({
  hotkey: miner, clock: systemClock, log: silentLog, nonceFile: process.argv[2]!,
  routes: { Ping: async (_caller, body) => body },
  whoIs: () => ({ isRegistered: true, hasPermit: true }),
});
console.log(listenAxon(axon, { ip: "127.0.0.1", port: 0 }).port);
