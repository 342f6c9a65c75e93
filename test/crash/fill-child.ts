/**
 * What `fill.test.ts` kills: makes one partition as large as told and fills it, and says on stdout, without buffering, each
 * step that it is about to take or has taken. Arguments: `--db_path`, chunk count.
 */
import { writeSync } from "node:fs";
import { SealPool } from "../../lib/native/mod.ts";
import { fillPartitions, openStore, type Partition } from "../../lib/store/mod.ts";
import { CHILD_STORE } from "./child-store.ts";
import { VALIDATOR } from "../store/fixture.ts";

const [dbPath, chunkCount] = process.argv.slice(2);
const say = (event: string) => writeSync(1, `${event}\n`);

function watch(partition: Partition): void {
  const { sync, recordUnits, recordSector } = partition;
  partition.sync = async () => {
    say("syncing");
    await sync.call(partition);
    say("synced");
  };
  partition.recordUnits = (units) => {
    recordUnits.call(partition, units);
    say(`recorded ${partition.sealedBytes()}`);
  };
  partition.recordSector = (sector, tree) => {
    say("finishing");
    recordSector.call(partition, sector, tree);
    say("finished");
  };
}

const pool = new SealPool({ workers: 2 });
say("opening");
const store = await openStore({ ...CHILD_STORE, dbPath: dbPath! });
say("planning");
await store.applyPlan([{ validator: VALIDATOR, chunkCount: Number(chunkCount) }]);
store.partitions().forEach(watch);
say("filling");
const sealer: typeof pool.seal = async (batch, options) => {
  say("sealing");
  const tags = await pool.seal(batch, options);
  say("sealed");
  return tags;
};
await fillPartitions(store.partitions(), { seal: sealer }, { workers: 2, batchUnits: 2 });
say("closing");
await store.close();
await pool.close();
say("done");
