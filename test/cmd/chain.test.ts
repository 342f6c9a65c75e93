/** The commands that talk to the chain and end: register, serve-axon, weights; on the executable, against the embedded chain. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RAO_PER_TAO, type Ss58 } from "../../lib/core/mod.ts";
import { type DevnetChain, startChain } from "../../lib/devnet/mod.ts";
import { createColdkey, createHotkey, cryptoReady, keypairFromUri } from "../../lib/wallet/mod.ts";
import { EXIT_OK } from "../../cmd/status.ts";
import { btstore, TerminalRun } from "./executable.ts";

// These wait for blocks, which a busy machine makes slowly.
setDefaultTimeout(60_000);

const NETUID = 7;
const folder = mkdtempSync(join(tmpdir(), "btstore-chain-"));
const path = join(folder, "wallets");
const keys = {} as Record<"rich" | "poor" | "validator", { cold: Ss58; hot: Ss58 }>;
let chain: DevnetChain;

beforeAll(async () => {
  await cryptoReady();
  for (const name of ["rich", "poor", "validator"] as const) {
    const location = { path, name, hotkey: "default" };
    keys[name] = { cold: (await createColdkey(location, { password: null })).ss58, hot: (await createHotkey(location, { password: null })).ss58 };
  }
  const coldkey = keypairFromUri("//Owner").ss58;
  const neurons = [{ hotkey: keys.validator.hot, coldkey, stake: 3000n * RAO_PER_TAO }, { hotkey: keypairFromUri("//Miner").ss58, coldkey, stake: 0n }];
  chain = await startChain({
    blockMs: 100, tempoBlocks: 300, endowments: [{ account: keys.rich.cold, rao: 5n * RAO_PER_TAO }, { account: keys.poor.cold, rao: RAO_PER_TAO / 100n }],
    subnet: { netuid: NETUID, owner: coldkey, neurons, weightsSetRateLimit: 100_000, servingRateLimit: 100_000 },
  });
});
afterAll(async () => {
  await chain.stop();
  rmSync(folder, { recursive: true });
});

const onChain = () => ["--subtensor.chain_endpoint", chain.url, "--netuid", String(NETUID)];
const words = (name: keyof typeof keys) => [...onChain(), "--wallet.path", path, "--wallet.name", name];

describe("btstore register", () => {
  test("pays nothing that was not agreed to, and says why", async () => {
    const poor = await btstore(["register", "--no_prompt", ...words("poor")]);
    expect(poor.stdout).toMatch(/Price {4}\d\.\d+ τ, burned; at most \d\.\d+ τ\nFee {6}0\.\d+ τ\nBalance {2}0\.01 τ\n$/);
    expect(poor.stderr).toMatch(/Cannot register: it takes \d\.\d+ τ and the coldkey \w+ holds 0\.01 τ; send TAO to it/);
    const dear = await btstore(["register", "--no_prompt", "--price_max", "0.001", ...words("rich")]);
    expect(dear.stderr).toContain("above the 0.001 τ of --price_max");
    expect((await btstore(["register", "--price_max", "much", "--no_prompt", ...words("rich")])).stderr).toContain('"much" is no amount of TAO');
    expect((await btstore(["register", ...words("rich")])).stderr).toContain("--no_prompt goes ahead without asking");
    const asked = new TerminalRun(["register", ...words("rich")]);
    await asked.shows("? [y/N] ");
    asked.type("n\r");
    expect(await asked.ended()).toMatchObject({ status: 130, output: expect.stringContaining("Nothing was paid") });
    expect(chain.neurons(NETUID).length).toBe(2);
  });

  test("registers once, and says so the second time", async () => {
    const first = await btstore(["register", "--no_prompt", "--json", ...words("rich")]);
    expect(first.status).toBe(EXIT_OK);
    expect(JSON.parse(first.stdout)).toMatchObject({ hotkey: keys.rich.hot, netuid: NETUID, uid: 2 });
    expect(chain.neurons(NETUID)[2]!.hotkey).toBe(keys.rich.hot);
    expect((await btstore(["register", "--no_prompt", ...words("rich")])).stderr).toContain("it is registered already, as uid 2");
  });
});

describe("btstore serve-axon", () => {
  test("announces an address once, and tells when it may change", async () => {
    const serve = (...rest: string[]) => btstore(["serve-axon", ...words("validator"), ...rest]);
    expect((await serve("--axon.external_ip", "127.0.0.1")).stderr).toContain("the chain refuses it");
    const first = await serve("--axon.external_ip", "127.0.0.2", "--axon.external_port", "28092", "--json");
    expect(JSON.parse(first.stdout)).toEqual({ hotkey: keys.validator.hot, netuid: NETUID, ip: "127.0.0.2", port: 28092, wasSent: true, isReached: false });
    expect(first.stderr).toContain("behind a router (NAT) forward it to this machine");
    expect((await serve("--axon.external_ip", "127.0.0.2", "--axon.external_port", "28092")).stderr).toContain("nothing was sent");
    const listener = Bun.listen({ hostname: "127.0.0.2", port: 28092, socket: { data() {} } });
    const reached = await serve("--axon.external_ip", "127.0.0.2", "--axon.external_port", "28092", "--json");
    listener.stop(true);
    expect(JSON.parse(reached.stdout)).toMatchObject({ wasSent: false, isReached: true });
    expect((await serve("--axon.external_ip", "127.0.0.3")).stderr).toMatch(/it was announced at block \d+, the next attempt is allowed at block \d+, in about/);
  });
});

describe("btstore weights", () => {
  test("sets weights, shows them, and tells when the next are allowed", async () => {
    const set = (...weights: string[]) => btstore(["weights", "set", ...words("validator"), "--db_path", join(folder, "db"), "--weights", weights.join(",")]);
    expect((await set("1")).stderr).toContain('"1" is not uid=share');
    expect((await set("1=1", "1=2")).stderr).toContain("a uid is named twice");
    expect((await set("9=1")).stderr).toContain("the subnet has no uid 9");
    expect((await set("0=1", "1=3")).status).toBe(EXIT_OK);
    expect(chain.neurons(NETUID)[0]!.weights).toEqual([{ uid: 0, weight: 21_845 }, { uid: 1, weight: 65_535 }]);
    expect((await set("1=1")).stderr).toMatch(/they were set at block \d+, the next attempt is allowed at block \d+, in about/);
    const shown = await btstore(["weights", "show", ...onChain()]);
    expect(shown.stdout).toContain("Weights are set directly, at most once in 100000 blocks, for at least 1 neuron, by validators from version 0 on");
    expect(shown.stdout).toContain(`${keys.validator.hot}  yes`);
    expect(shown.stdout).toContain("1: 75.0 %, 0: 25.0 %");
    expect(JSON.parse((await btstore(["weights", "show", "--json", ...onChain()])).stdout)).toMatchObject({ netuid: NETUID, isCommitRevealEnabled: false, rows: [{ uid: 0, weights: [{ uid: 0, value: 21_845 }, { uid: 1, value: 65_535 }] }] });
  });

  test("ends in words when nobody answers or the subnet is not there", async () => {
    const lost = await btstore(["weights", "show", "--subtensor.chain_endpoint", chain.url, "--netuid", "9"]);
    expect(lost.stderr).toContain("there is no subnet 9 on this chain");
  });
});
