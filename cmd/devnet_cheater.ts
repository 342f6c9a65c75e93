/** `btstore devnet-cheater`: one dishonest member of a devnet, started by it and by nobody else. */
import { BtstoreError, systemClock } from "../lib/core/mod.ts";
import { cheatOf, lie } from "../lib/devnet/mod.ts";
import { Miner, OPEN_TO_REGISTERED } from "../lib/miner/mod.ts";
import { openStore } from "../lib/store/mod.ts";
import { parseSs58 } from "../lib/wallet/mod.ts";
import { command, type Run } from "./command.ts";
import { onlyLocation, openChain, openHotkey } from "./context.ts";
import { versionNumber } from "./version.ts";

export const devnetCheater = command("devnet-cheater", async (run: Run<"devnet-cheater">) => {
  const { flags, signal, log } = run;
  const { netuid } = flags;
  const hotkey = await openHotkey(run);
  const chain = await openChain(run);
  const own = { hotkey, netuid, chain, clock: systemClock, log };
  try {
    const friend = flags.friend === null ? null : parseSs58(flags.friend);
    if (friend !== null) return await lie({ ...own, friend, versionKey: versionNumber() }, signal);
    const [kind] = flags.cheat;
    if (kind === undefined || flags.size === null) throw new BtstoreError("usage", "Cannot cheat without --cheat and --size, or lie without --friend");
    const cheat = cheatOf(kind, flags.size);
    const store = await openStore({ ...onlyLocation(flags), self: hotkey.ss58, netuid, genesisHash: chain.genesisHash });
    try {
      const miner = await Miner.open({
        ...own, store, version: versionNumber(),
        limits: { threshold: null, sizeBytes: cheat.sizeBytes, isForAll: flags["allocate.all"] },
        workers: flags.workers,
        restart: false,
        stepsPerReallocate: Number.MAX_SAFE_INTEGER,
        axon: { ip: flags["axon.ip"], port: flags["axon.port"], externalIp: flags["axon.external_ip"], externalPort: flags["axon.external_port"] },
        callers: OPEN_TO_REGISTERED,
        show: cheat.show,
        ...(cheat.answering ? { answering: cheat.answering } : {}),
      });
      await miner.run(signal);
    } finally {
      await store.close();
    }
  } finally {
    await chain.close();
  }
});
