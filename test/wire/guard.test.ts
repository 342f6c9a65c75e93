import { describe, expect, test } from "bun:test";
import { Guard, originOf } from "../../lib/wire/guard.ts";
import type { Origin } from "../../lib/wire/guard.ts";
import { limitsWith } from "./fixture.ts";

const host = (i: number): Origin => originOf(`10.0.${i >> 8}.${i & 255}`);

describe("Guard.admit()", () => {
  test("holds a /48 to its rate, however many /64s it has, but for those that authenticated lately", () => {
    const guard = new Guard(limitsWith({ networkRate: { perSecond: 1, burst: 3 }, knownMs: 10_000 }));
    const from = (i: number) => originOf(`2001:db8:1:${i}::1`);
    guard.onProof(from(99), 0);
    const admitted = (origin: Origin, nowMs: number) => guard.admit(origin, nowMs)?.name ?? "ok";
    expect([1, 2, 3, 4].map((i) => admitted(from(i), 0))).toEqual(["ok", "ok", "ok", "TooManyRequests"]);
    expect(admitted(from(99), 0)).toBe("ok");
    expect(admitted(originOf("2001:db8:2::1"), 0)).toBe("ok");
    expect([admitted(from(5), 1_000), admitted(from(5), 1_000)]).toEqual(["ok", "TooManyRequests"]);
    for (let i = 0; i < 3; i++) admitted(from(i), 10_000);
    expect(admitted(from(99), 10_000)).toBe("TooManyRequests");
  });

  test("makes a forgery dear for the whole /48", () => {
    const guard = new Guard(limitsWith({ networkRate: { perSecond: 1, burst: 20 } }));
    const from = (i: number) => originOf(`2001:db8:1:${i}::1`);
    for (const i of [1, 2]) {
      expect(guard.admit(from(i), 0)).toBeNull();
      guard.onForgery(from(i), 0);
    }
    expect(guard.admit(from(3), 0)!.name).toBe("TooManyRequests");
  });
});

describe("Guard.mayVerify()", () => {
  const limits = limitsWith({ forgeryRate: { perSecond: 50, burst: 50 }, knownMs: 10_000 });

  test("gives strangers together 50 forgeries and then 50 a second", () => {
    const guard = new Guard(limits);
    let forgeries = 0;
    for (let ms = 0; ms < 3_000; ms++) {
      if (!guard.mayVerify(host(ms), ms)) continue;
      guard.onForgery(host(ms), ms);
      forgeries++;
    }
    expect(forgeries).toBeGreaterThanOrEqual(198);
    expect(forgeries).toBeLessThanOrEqual(200);
  });

  test("takes precedence from an address with its first forgery, and with time", () => {
    const guard = new Guard(limits);
    for (const i of [1, 2]) guard.onProof(host(i), 0);
    for (let i = 0; i < 50; i++) guard.onForgery(host(100 + i), 0);
    expect([1, 2, 3].map((i) => guard.mayVerify(host(i), 0))).toEqual([true, true, false]);
    guard.onForgery(host(1), 0);
    expect([1, 2].map((i) => guard.mayVerify(host(i), 0))).toEqual([false, true]);
    for (let i = 0; i < 50; i++) guard.onForgery(host(100 + i), 10_000);
    expect(guard.mayVerify(host(2), 10_000)).toBe(false);
  });
});

describe("Guard.enter()", () => {
  const limits = limitsWith({ bodiesMax: 4, bodiesPerAddressMax: 2 });

  test("pushes out the stranger that waits longest, whoever comes", () => {
    const guard = new Guard(limits);
    guard.onProof(host(9), 0);
    const known = guard.enter(host(9), 0)!;
    const strangers = [1, 2, 3].map((i) => guard.enter(host(i), 0)!);
    const more = [guard.enter(host(4), 0)!, guard.enter(host(9), 0)!];
    expect([known, ...strangers, ...more].map(({ signal }) => signal.aborted)).toEqual([false, true, true, false, false, false]);
  });

  test("gives a stranger no place of those that authenticated lately, and these one of their own", () => {
    const guard = new Guard(limits);
    for (const i of [1, 2, 3]) guard.onProof(host(i), 0);
    const known = [1, 2, 1, 2].map((i) => guard.enter(host(i), 0)!);
    expect(guard.enter(host(4), 0)).toBeNull();
    expect(known.map(({ signal }) => signal.aborted)).toEqual([false, false, false, false]);
    expect(guard.enter(host(3), 0)).not.toBeNull();
    expect(known.map(({ signal }) => signal.aborted)).toEqual([true, false, false, false]);
  });

  test("holds no more per address than the table says, pushing out nobody for one more", () => {
    const guard = new Guard(limits);
    const held = [1, 1, 2, 2].map((i) => guard.enter(host(i), 0)!);
    expect(guard.enter(host(1), 0)).toBeNull();
    expect(held.some(({ signal }) => signal.aborted)).toBe(false);
    guard.leave(host(1), held[0]!);
    expect(guard.enter(host(1), 0)).not.toBeNull();
    expect(held.some(({ signal }) => signal.aborted)).toBe(false);
  });
});

describe("originOf()", () => {
  test("gives an IPv4 address one host however it is written, and an IPv6 one its /64 and /48", () => {
    const keys = (address: string) => [originOf(address).host, originOf(address).network];
    expect(keys("10.1.2.3")).toEqual(["10.1.2.3", "10.1.2.3"]);
    expect(keys("::ffff:10.1.2.3")).toEqual(["10.1.2.3", "10.1.2.3"]);
    expect(keys("2001:db8:1:2:3:4:5:6")).toEqual(["2001:db8:1:2", "2001:db8:1"]);
    expect(keys("2001:db8:1:2::9")).toEqual(["2001:db8:1:2", "2001:db8:1"]);
    expect(keys("2001:db8::9")).toEqual(["2001:db8:0:0", "2001:db8:0"]);
    expect(keys("fe80::1%eth0")).toEqual(["fe80:0:0:0", "fe80:0:0"]);
    expect(keys("::1")).toEqual(["0:0:0:0", "0:0:0"]);
  });
});
