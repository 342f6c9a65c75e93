import { describe, expect, test } from "bun:test";
import { OPEN_TO_REGISTERED, standingOf } from "../../lib/miner/callers.ts";

const known = { hasValidatorPermit: false, stake: 5n };
const permitted = { hasValidatorPermit: true, stake: 5n };

describe("standingOf()", () => {
  test("is the metagraph's where the operator wishes nothing", () => {
    expect(standingOf(OPEN_TO_REGISTERED, "a", null)).toBeNull();
    expect(standingOf(OPEN_TO_REGISTERED, "a", known)).toEqual({ isRegistered: true, hasPermit: false });
    expect(standingOf(OPEN_TO_REGISTERED, "a", permitted)).toEqual({ isRegistered: true, hasPermit: true });
  });

  test("takes the unregistered like registered ones without a permit, if wished", () => {
    expect(standingOf({ ...OPEN_TO_REGISTERED, takesUnregistered: true }, "a", null)).toEqual({ isRegistered: true, hasPermit: false });
  });

  test("refuses by permit and by stake, at the bound", () => {
    const policy = { ...OPEN_TO_REGISTERED, needsPermit: true, stakeMin: 5n };
    expect(standingOf(policy, "a", known)?.unwelcome).toBe("NoPermit");
    expect(standingOf(policy, "a", permitted)?.unwelcome).toBeUndefined();
    expect(standingOf({ ...policy, stakeMin: 6n }, "a", permitted)?.unwelcome).toBe("TooLittleStake");
    expect(standingOf({ ...OPEN_TO_REGISTERED, takesUnregistered: true, stakeMin: 1n }, "a", null)?.unwelcome).toBe("TooLittleStake");
  });

  test("serves the allowed whatever the rest says, but not the banned", () => {
    const policy = { ...OPEN_TO_REGISTERED, needsPermit: true, stakeMin: 100n, allowed: new Set(["a", "b"]), banned: new Set(["b"]) };
    expect(standingOf(policy, "a", null)).toEqual({ isRegistered: true, hasPermit: true });
    expect(standingOf(policy, "b", permitted)?.unwelcome).toBe("Banned");
    expect(standingOf({ ...policy, takesUnregistered: true }, "c", null)?.unwelcome).toBe("NoPermit");
  });
});
