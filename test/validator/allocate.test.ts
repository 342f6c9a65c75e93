import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Metagraph } from "../../lib/chain/mod.ts";
import { systemClock } from "../../lib/core/mod.ts";
import { readManifest } from "../../lib/store/mod.ts";
import { type Ledgers, allocateHashes, openLedgers } from "../../lib/validator/mod.ts";
import { Dendrite } from "../../lib/wire/mod.ts";
import { IP, type LightMiner, NETUID, type TestSubnet, WINDOWS, dendriteClock, key, startLightMiner, startSubnet } from "../miner/fixture.ts";

setDefaultTimeout(30_000);

const validator = key("Validator");
const [answering, silent, foreign] = [key("Miner0"), key("Miner1"), key("Miner2")];

let subnet: TestSubnet;
let miners: LightMiner[];
let dendrite: Dendrite;
let ledgers: Ledgers;
let metagraph: Metagraph;
const folder = () => join(subnet.folder, "db");
beforeAll(async () => {
  subnet = await startSubnet({ Validator: 3000, Second: 3000, Miner0: 0, Miner1: 0, Miner2: 0 });
  const { genesisHash } = subnet.client;
  miners = [startLightMiner(answering, validator.ss58, genesisHash), startLightMiner(silent, validator.ss58, genesisHash), startLightMiner(foreign, validator.ss58, new Uint8Array(32))];
  await miners[1]!.stop();
  for (const { hotkey, port } of miners) await subnet.drive(subnet.client.serveAxon(hotkey, { netuid: NETUID, ip: IP, port, version: 1 }));
  metagraph = await subnet.client.metagraph(NETUID);
  dendrite = new Dendrite({ hotkey: validator, clock: dendriteClock });
  ledgers = await openLedgers({ folder: folder(), self: validator.ss58, netuid: NETUID, genesisHash, windows: WINDOWS });
});
afterAll(async () => {
  await ledgers.close();
  await dendrite.close();
  await Promise.all([miners[0]!.stop(), miners[2]!.stop()]);
  await subnet.stop();
});

const allocate = (isForAll = false, signal = new AbortController().signal) =>
  allocateHashes({ hotkey: validator, metagraph, genesisHash: subnet.client.genesisHash, isForAll, folder: folder(), ledgers, dendrite, clock: systemClock, signal });

describe("allocateHashes()", () => {
  test("gives a row per miner with its declaration or why there is none, hashes files and partition.json, and the same when called again", async () => {
    const rows = await allocate();
    expect(rows).toEqual([
      { uid: 2, hotkey: answering.ss58, declaredBytes: 2 ** 20, serial: expect.any(Number), fault: null },
      { uid: 3, hotkey: silent.ss58, declaredBytes: 0, serial: null, fault: "offline" },
      { uid: 4, hotkey: foreign.ss58, declaredBytes: 0, serial: null, fault: "declared wrongly: other_network" },
    ]);
    for (const { hotkey } of rows) expect(existsSync(join(folder(), `hashes-${hotkey}`)), hotkey).toBe(true);
    for (const { hotkey } of rows) expect(existsSync(join(folder(), `data-${hotkey}`)), hotkey).toBe(false);
    const listed = await readManifest(folder());
    expect(listed.map(({ owner, validator: by, n_chunks }) => [owner, by, n_chunks])).toEqual([[answering.ss58, validator.ss58, 1], [silent.ss58, validator.ss58, 0], [foreign.ss58, validator.ss58, 0]]);
    expect(await allocate()).toEqual(rows);
    expect(await readManifest(folder())).toEqual(listed);
  });

  test("leaves out other validators that serve nothing, unless all are wanted, and ourselves in any case", async () => {
    expect((await allocate(true)).map(({ uid, fault }) => [uid, fault])).toEqual([[1, "serves no axon"], [2, null], [3, "offline"], [4, "declared wrongly: other_network"]]);
  });

  test("ends without a manifest when it is cancelled", async () => {
    const before = await readManifest(folder());
    const abort = new AbortController();
    abort.abort();
    expect(await allocate(true, abort.signal).then(() => "done", (error: Error) => error.name)).toBe("AbortError");
    expect(await readManifest(folder())).toEqual(before);
  });
});
