/** Every call of the embedded chain, each way it can end, as an unmodified client sees it. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { address, type Client, key, startClient, TAO, type Tx } from "./_client.ts";

let client: Client;
const tx = (section: string, method: string, ...args: unknown[]): Tx => client.api.tx[section]![method]!(...args);
const sudo = (inner: Tx) => client.submit(tx("sudo", "sudo", inner), "//Alice");
const admin = (method: string, ...args: unknown[]) => sudo(tx("adminUtils", method, ...args));
const query = (item: string, ...args: unknown[]): Promise<any> => client.api.query.subtensorModule![item]!(...args) as Promise<any>;

/** Subnet 1 belongs to //Owner; //V has a permit, //M is a miner; //Rich has money and nothing else. */
beforeEach(async () => {
  client = await startClient({
    tempoBlocks: 5,
    endowments: [{ account: address("//Rich"), rao: 10_000n * TAO }, { account: address("//Owner"), rao: 10n * TAO }],
    subnet: {
      netuid: 1,
      owner: address("//Owner"),
      weightsSetRateLimit: 3,
      servingRateLimit: 3,
      neurons: [
        { hotkey: address("//V"), coldkey: address("//VCold"), stake: 5000n * TAO },
        { hotkey: address("//M"), coldkey: address("//MCold"), stake: 0n },
      ],
    },
  });
});
afterEach(() => client.stop());

describe("Balances", () => {
  test("transfers, and takes the fee that query_info names", async () => {
    const transfer = tx("balances", "transferKeepAlive", address("//New"), 5n * TAO);
    const { events } = await client.submit(transfer, "//Rich");
    expect(events).toEqual([
      "balances.Withdraw", "system.NewAccount", "balances.Endowed", "balances.Transfer", "transactionPayment.TransactionFeePaid", "system.ExtrinsicSuccess",
    ]);
    const account: any = await client.api.query.system!.account!(address("//New"));
    expect(account.data.free.toBigInt()).toBe(5n * TAO);
    const { partialFee } = await transfer.paymentInfo(key("//Rich"));
    const rich: any = await client.api.query.system!.account!(address("//Rich"));
    expect(rich.data.free.toBigInt()).toBe(9_995n * TAO - partialFee.toBigInt());
  });

  test("fails beyond the balance, keeps the fee and the nonce", async () => {
    const { error, events } = await client.submit(tx("balances", "transferKeepAlive", address("//New"), 20_000n * TAO), "//Rich");
    expect(error).toBe("FundsUnavailable");
    expect(events).toEqual(["balances.Withdraw", "transactionPayment.TransactionFeePaid", "system.ExtrinsicFailed"]);
    const { error: tooLittle } = await client.submit(tx("balances", "transferKeepAlive", address("//New"), 499n), "//Rich");
    expect(tooLittle).toBe("BelowMinimum");
    const account: any = await client.api.query.system!.account!(address("//Rich"));
    expect(account.nonce.toNumber()).toBe(2);
  });

  test("takes no root call from a signed account", async () => {
    expect((await client.submit(tx("balances", "forceSetBalance", address("//Rich"), 1n), "//Rich")).error).toBe("BadOrigin");
  });
});

describe("Sudo and Utility", () => {
  test("Sudo runs for //Alice free of charge and is refused in the pool to others", async () => {
    const { events } = await admin("sudoSetTempo", 1, 7);
    expect(events).toEqual(["subtensorModule.TempoSet", "sudo.Sudid", "system.ExtrinsicSuccess"]);
    expect((await query("tempo", 1)).toNumber()).toBe(7);
    expect(await client.refusal(tx("sudo", "sudo", tx("adminUtils", "sudoSetTempo", 1, 8)), "//Rich")).toBe("1010: Invalid signing address");
  });

  test("Sudo tells the inner failure in its event", async () => {
    const { error, values } = await admin("sudoSetTempo", 9, 7);
    expect(error).toBeNull();
    expect(values.get("sudo.Sudid")).toEqual([{ err: { module: { index: 19, error: "0x00000000" } } }]);
  });

  test("batch stops at a failure and keeps what came before, batch_all undoes, force_batch goes on", async () => {
    const good = tx("balances", "transferKeepAlive", address("//New"), TAO);
    const bad = tx("balances", "transferKeepAlive", address("//New"), 20_000n * TAO);
    const free = async () => ((await client.api.query.system!.account!(address("//New"))) as any).data.free.toBigInt();
    expect((await client.submit(tx("utility", "batch", [good, bad, good]), "//Rich")).events).toContain("utility.BatchInterrupted");
    expect(await free()).toBe(TAO);
    const all = await client.submit(tx("utility", "batchAll", [good, bad]), "//Rich");
    expect(all.error).toBe("FundsUnavailable");
    expect(all.events).not.toContain("balances.Transfer");
    expect(await free()).toBe(TAO);
    expect((await client.submit(tx("utility", "forceBatch", [good, bad, good]), "//Rich")).events).toContain("utility.BatchCompletedWithErrors");
    expect(await free()).toBe(3n * TAO);
  });
});

describe("AdminUtils", () => {
  test("lets a subnet's owner change what the real pallet lets it, outside the freeze window", async () => {
    await admin("sudoSetTempo", 1, 100);
    expect((await client.submit(tx("adminUtils", "sudoSetWeightsVersionKey", 1, 5), "//Owner")).error).toBeNull();
    expect((await query("weightsVersionKey", 1)).toNumber()).toBe(5);
    expect((await client.submit(tx("adminUtils", "sudoSetTempo", 1, 5), "//Owner")).error).toBe("BadOrigin");
    expect((await client.submit(tx("adminUtils", "sudoSetWeightsVersionKey", 1, 6), "//Rich")).error).toBe("BadOrigin");
    await admin("sudoSetTempo", 1, 5);
    expect((await client.submit(tx("adminUtils", "sudoSetWeightsVersionKey", 1, 6), "//Owner")).error).toBe("subtensorModule.AdminActionProhibitedDuringWeightsWindow");
  });
});

describe("register_network, start_call, add_stake", () => {
  test("make a subnet, open it, and stake on it", async () => {
    const { events, values } = await client.submit(tx("subtensorModule", "registerNetwork", address("//Hot")), "//Rich");
    expect(events).toContain("subtensorModule.NetworkAdded");
    expect(values.get("subtensorModule.NetworkAdded")).toEqual([2, 0]);
    expect((await query("keys", 2, 0)).toString()).toBe(address("//Hot"));
    const stake = tx("subtensorModule", "addStake", address("//Hot"), 2, 50n * TAO);
    expect((await client.submit(stake, "//Rich")).error).toBe("subtensorModule.SubtokenDisabled");
    expect((await client.submit(tx("subtensorModule", "startCall", 2), "//Owner")).error).toBe("subtensorModule.NotSubnetOwner");
    expect((await client.submit(tx("subtensorModule", "startCall", 2), "//Rich")).events).toContain("subtensorModule.FirstEmissionBlockNumberSet");
    expect((await client.submit(tx("subtensorModule", "startCall", 2), "//Rich")).error).toBe("subtensorModule.FirstEmissionBlockNumberAlreadySet");
    expect((await client.submit(stake, "//Rich")).events).toContain("subtensorModule.StakeAdded");
    // The owner's cut accrues only at an epoch, so the stake is what was staked.
    expect((await query("totalHotkeyAlpha", address("//Hot"), 2)).toBigInt()).toBe(50n * TAO);
  });

  test("are limited by rate and price", async () => {
    expect((await client.submit(tx("subtensorModule", "registerNetwork", address("//Hot")), "//Owner")).error).toBe("subtensorModule.CannotAffordLockCost");
    expect((await client.submit(tx("subtensorModule", "registerNetwork", address("//Hot")), "//Rich")).error).toBeNull();
    expect(await client.refusal(tx("subtensorModule", "registerNetwork", address("//Hot2")), "//Rich")).toBe("1010: Custom error: 6");
    await admin("sudoSetNetworkRateLimit", 0);
    expect((await client.submit(tx("subtensorModule", "registerNetwork", address("//V")), "//Rich")).error).toBe("subtensorModule.NonAssociatedColdKey");
    expect((await client.submit(tx("subtensorModule", "registerNetwork", address("//Hot2")), "//Rich")).error).toBeNull();
  });

  test("add_stake says what is wrong", async () => {
    const stake = (hotkey: string, netuid: number, rao: bigint) => client.submit(tx("subtensorModule", "addStake", address(hotkey), netuid, rao), "//Rich");
    expect((await stake("//V", 9, TAO)).error).toBe("subtensorModule.SubnetNotExists");
    expect((await stake("//V", 1, 1_999_999n)).error).toBe("subtensorModule.AmountTooLow");
    expect((await stake("//V", 1, 20_000n * TAO)).error).toBe("subtensorModule.NotEnoughBalanceToStake");
    expect((await stake("//Nobody", 1, TAO)).error).toBe("subtensorModule.HotKeyAccountNotExists");
  });
});

describe("burned_register", () => {
  const register = (hotkey: string, netuid = 1, coldkey = "//Rich") => client.submit(tx("subtensorModule", "burnedRegister", netuid, address(hotkey)), coldkey);

  test("burns the price, gives the next uid, raises the price, which falls again", async () => {
    const before = (await query("burn", 1)).toBigInt();
    const { events, values } = await register("//N");
    expect(events).toContain("subtensorModule.NeuronRegistered");
    expect(values.get("subtensorModule.NeuronRegistered")).toEqual([1, 2, address("//N")]);
    const after = (await query("burn", 1)).toBigInt();
    expect(after).toBeGreaterThan((before * 125n) / 100n);
    expect(after).toBeLessThanOrEqual((before * 126n) / 100n);
    expect((await query("uids", 1, address("//N"))).unwrap().toNumber()).toBe(2);
    expect((await query("isNetworkMember", address("//N"), 1)).isTrue).toBe(true);
    expect((await query("owner", address("//N"))).toString()).toBe(address("//Rich"));
    expect((await query("subnetworkN", 1)).toNumber()).toBe(3);
    client.chain.produceBlocks(360);
    const later = (await query("burn", 1)).toBigInt();
    expect(Number(later) / Number(after)).toBeCloseTo(0.5, 3);
  });

  test("says what is wrong", async () => {
    expect((await register("//N", 0)).error).toBe("subtensorModule.RegistrationNotPermittedOnRootSubnet");
    expect((await register("//N", 9)).error).toBe("subtensorModule.SubnetNotExists");
    expect((await register("//M")).error).toBe("subtensorModule.HotKeyAlreadyRegisteredInSubNet");
    await client.submit(tx("balances", "transferKeepAlive", address("//Poor"), TAO / 2n), "//Rich");
    expect((await register("//N", 1, "//Poor")).error).toBe("subtensorModule.NotEnoughBalanceToStake");
    await client.submit(tx("subtensorModule", "registerNetwork", address("//Hot")), "//Rich");
    expect((await register("//M", 2)).error).toBe("subtensorModule.NonAssociatedColdKey");
    await admin("sudoSetNetworkRegistrationAllowed", 1, false);
    expect((await register("//N")).error).toBe("subtensorModule.SubNetRegistrationDisabled");
  });

  test("on a full subnet takes the uid of who earns least, and nothing of that neuron stays", async () => {
    await admin("sudoSetImmunityPeriod", 1, 0);
    await admin("sudoSetMaxAllowedUids", 1, 3);
    await register("//N1");
    await client.submit(tx("subtensorModule", "serveAxon", 1, 1, 0x0a000001, 9000, 4, 4, 0, 0), "//N1");
    await client.submit(tx("subtensorModule", "setWeights", 1, [1], [1], 0), "//V");
    client.chain.produceBlocks(12);
    const { values } = await register("//N2");
    expect(values.get("subtensorModule.NeuronRegistered")).toEqual([1, 2, address("//N2")]);
    expect((await query("uids", 1, address("//N1"))).isNone).toBe(true);
    expect((await query("axons", 1, address("//N1"))).isNone).toBe(true);
    expect((await query("isNetworkMember", address("//N1"), 1)).isTrue).toBe(false);
    expect((await query("subnetworkN", 1)).toNumber()).toBe(3);
    expect((await query("lastUpdate", 1)).length).toBe(3);
  });
});

describe("serve_axon", () => {
  const serve = (changes: Partial<{ netuid: number; ip: bigint; port: number; ipType: number }> = {}) => {
    const { netuid = 1, ip = 0x7f00_0002n, port = 9000, ipType = 4 } = changes;
    return tx("subtensorModule", "serveAxon", netuid, 10, ip, port, ipType, 4, 0, 0);
  };

  test("is free to a hotkey without a balance and stored as sent", async () => {
    const { events } = await client.submit(serve(), "//M");
    expect(events).toEqual(["subtensorModule.AxonServed", "system.ExtrinsicSuccess"]);
    expect((await query("axons", 1, address("//M"))).toJSON()).toEqual({ block: 1, version: 10, ip: 0x7f00_0002, port: 9000, ipType: 4, protocol: 4, placeholder1: 0, placeholder2: 0 });
  });

  test("refuses in the pool, with the real codes", async () => {
    expect(await client.refusal(serve(), "//Nobody")).toBe("1010: Custom error: 10");
    expect(await client.refusal(serve({ netuid: 9 }), "//M")).toBe("1010: Custom error: 10");
    expect(await client.refusal(serve({ ipType: 5 }), "//M")).toBe("1010: Custom error: 255");
    expect(await client.refusal(serve({ ip: 0x7f00_0001n }), "//M")).toBe("1010: Custom error: 11");
    expect(await client.refusal(serve({ ip: 0xffff_ffffn }), "//M")).toBe("1010: Custom error: 11");
    expect(await client.refusal(serve({ ip: 1n, ipType: 6 }), "//M")).toBe("1010: Custom error: 11");
    expect(await client.refusal(serve({ port: 0 }), "//M")).toBe("1010: Custom error: 13");
    await client.submit(serve(), "//M");
    expect(await client.refusal(serve({ port: 9001 }), "//M")).toBe("1010: Custom error: 12");
    client.chain.produceBlocks(2);
    expect((await client.submit(serve({ port: 9001, ip: 0n }), "//M")).error).toBeNull();
  });

  test("fails with the pallet's own errors where the pool does not look: inside a batch", async () => {
    await client.submit(tx("balances", "transferKeepAlive", address("//M"), TAO), "//Rich");
    const batched = async (inner: Tx) => (await client.submit(tx("utility", "batchAll", [inner]), "//M")).error;
    expect(await batched(serve({ ipType: 5 }))).toBe("subtensorModule.InvalidIpType");
    expect(await batched(serve({ ip: 0x7f00_0001n }))).toBe("subtensorModule.InvalidIpAddress");
    expect(await batched(serve({ port: 0 }))).toBe("subtensorModule.InvalidPort");
    expect(await batched(serve({ netuid: 9 }))).toBe("subtensorModule.HotKeyNotRegisteredInNetwork");
    expect(await batched(serve())).toBeNull();
    expect(await batched(serve())).toBe("subtensorModule.ServingRateLimitExceeded");
  });
});

describe("set_weights", () => {
  const set = (dests: number[], weights: number[], version = 0, netuid = 1) => tx("subtensorModule", "setWeights", netuid, dests, weights, version);

  test("stores the weights scaled to 65,535 and is free", async () => {
    const { events } = await client.submit(set([0, 1], [50, 200]), "//V");
    expect(events).toEqual(["subtensorModule.WeightsSet", "system.ExtrinsicSuccess"]);
    expect((await query("weights", 1, 0)).toJSON()).toEqual([[0, 16_384], [1, 65_535]]);
    expect((await query("lastUpdate", 1)).toJSON()).toEqual([1, 0]);
    const mechanism = tx("subtensorModule", "setMechanismWeights", 1, 0, [1], [1], 0);
    client.chain.produceBlocks(3);
    expect((await client.submit(mechanism, "//V")).error).toBeNull();
  });

  test("says what is wrong, in the real order of checks", async () => {
    const error = async (call: Tx, uri = "//V") => (await client.submit(call, uri)).error?.replace("subtensorModule.", "");
    expect(await error(set([1], [1, 2]))).toBe("WeightVecNotEqualSize");
    expect(await error(tx("subtensorModule", "setMechanismWeights", 1, 1, [1], [1], 0))).toBe("MechanismDoesNotExist");
    expect(await error(set([0, 1, 2], [1, 1, 1]))).toBe("UidsLengthExceedUidsInSubNet");
    expect(await client.refusal(set([1], [1]), "//M")).toBe("1010: Custom error: 1");
    await admin("sudoSetStakeThreshold", 0);
    expect(await error(set([0], [1]), "//Nobody")).toBe("HotKeyNotRegisteredInSubNet");
    expect(await error(set([0], [1]), "//M")).toBe("NeuronNoValidatorPermit");
    await admin("sudoSetWeightsVersionKey", 1, 5);
    expect(await error(set([1], [1], 4))).toBe("IncorrectWeightVersionKey");
    expect(await error(set([1, 1], [1, 1], 5))).toBe("DuplicateUids");
    expect(await error(set([2], [1], 6))).toBe("UidVecContainInvalidOne");
    await admin("sudoSetMinAllowedWeights", 1, 2);
    expect(await error(set([1], [1], 5))).toBe("WeightVecLengthIsLow");
    expect(await error(set([0, 1], [1, 1], 5))).toBeUndefined();
    expect(await error(set([0, 1], [1, 2], 5))).toBe("SettingWeightsTooFast");
    client.chain.produceBlocks(1);
    expect(await error(set([0, 1], [1, 2], 5))).toBeUndefined();
    await admin("sudoSetCommitRevealWeightsEnabled", 1, true);
    expect(await error(set([1], [1, 2]))).toBe("CommitRevealEnabled");
  });

  test("lets anyone with a uid set a lone weight on itself", async () => {
    await admin("sudoSetStakeThreshold", 0);
    expect((await client.submit(set([1], [1]), "//M")).error).toBeNull();
  });
});
