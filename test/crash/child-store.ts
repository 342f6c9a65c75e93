/** The store that the killed child and the test that kills it share. */
import { GENESIS, MINER, TINY } from "../store/fixture.ts";

export const CHILD_STORE = { walletName: "default", hotkeyName: "default", self: MINER, netuid: 3, genesisHash: GENESIS, profile: TINY };
