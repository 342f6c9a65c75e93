/** `btstore serve-axon`: announces an address by hand; `btstore mine` does it by itself. */
import { findExternalAddress, parseExternalAddress } from "../lib/miner/mod.ts";
import { command } from "./command.ts";
import { openChain, openHotkey } from "./context.ts";
import { printJson } from "./output.ts";
import { isReachable } from "./reach.ts";
import { versionNumber } from "./version.ts";

export const serveAxon = command("serve-axon", async (run) => {
  const { flags, signal, log } = run;
  const given = flags["axon.external_ip"] === null ? null : parseExternalAddress(flags["axon.external_ip"]);
  const hotkey = await openHotkey(run);
  const chain = await openChain(run);
  try {
    const ip = given ?? (await findExternalAddress(signal));
    const port = flags["axon.external_port"] ?? flags["axon.port"];
    const wasSent = await chain.serveAxon(hotkey, { netuid: flags.netuid, ip, port, version: versionNumber() });
    const isReached = await isReachable(ip, port, signal);
    if (!isReached) {
      log.warn(`From here nobody answers at ${ip} port ${port}: if no miner runs yet, start it; else let the firewall pass TCP port ${port}, and behind a router (NAT) forward it to this machine. Some routers hide this machine's own public address from it: then ask from outside`);
    }
    if (flags.json) return printJson({ hotkey: hotkey.ss58, netuid: flags.netuid, ip, port, wasSent, isReached });
    log.info(wasSent ? "The axon is announced on chain" : "The chain knows this address already; nothing was sent", { ip, port });
  } finally {
    await chain.close();
  }
});
