import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Declaration, type SignedDeclaration, declarationDigest, openDeclaration } from "../../lib/audit/mod.ts";
import { Declarations } from "../../lib/miner/declarations.ts";
import { verifySignature } from "../../lib/wallet/mod.ts";
import { GENESIS, MINUTE_MS, MemoryPartition, NETUID, TestClock, WINDOWS, key } from "./fixture.ts";

const miner = key("Miner");
const validator = key("Validator").ss58;

function setUp(partition = new MemoryPartition(miner.ss58, validator), clock = new TestClock()) {
  const open = (network = { netuid: NETUID, genesisHash: GENESIS }) => new Declarations(partition, miner, network, clock, WINDOWS);
  return { partition, clock, open, declarations: open() };
}

function read(signed: SignedDeclaration | null, netuid = NETUID, genesisHash = GENESIS): Declaration {
  const opened = openDeclaration(signed!, { netuid, genesisHash, miner: miner.ss58, validator }, verifySignature);
  if (opened.kind !== "ok") throw new Error(opened.fault);
  return opened.declaration;
}

const rootsOf = (value: number) => ({ unitCount: 1, chunksPerUnit: 1, roots: [new Uint8Array(32).fill(value)] });
const digestOf = (signed: SignedDeclaration | null) => declarationDigest(signed!.bytes);

describe("Declarations", () => {
  test("current() is nothing before something is sealed, then a signed declaration of it", () => {
    const { partition, declarations } = setUp();
    const { shown } = partition;
    partition.shown = { unitCount: 0, chunksPerUnit: 1, roots: [] };
    expect(declarations.current()).toBeNull();
    expect(partition.kept).toEqual([]);
    partition.shown = shown;
    expect(read(declarations.current())).toMatchObject({ unitCount: 1, chunksPerUnit: 1, roots: shown.roots });
    expect(declarations.byteCount).toBe(2 ** 20);
  });

  test("current() stays the same for ever while the sealed sectors do", async () => {
    const { partition, clock, declarations } = setUp();
    const first = declarations.current();
    await clock.advance(7 * 24 * 60 * MINUTE_MS);
    expect(declarations.current()).toEqual(first!);
    expect(partition.kept.length).toBe(1);
  });

  test("current() follows a change ten minutes after the declaration before, and not earlier", async () => {
    const { partition, clock, declarations } = setUp();
    const first = declarations.current();
    partition.shown = rootsOf(1);
    await clock.advance(10 * MINUTE_MS - 1);
    expect(declarations.current()).toEqual(first!);
    await clock.advance(1);
    expect(read(declarations.current()).roots).toEqual(rootsOf(1).roots);
  });

  test("current() declares that nothing is left, too", async () => {
    const { partition, clock, declarations } = setUp();
    declarations.current();
    partition.shown = { unitCount: 0, chunksPerUnit: 32, roots: [] };
    await clock.advance(10 * MINUTE_MS);
    expect(read(declarations.current()).unitCount).toBe(0);
    expect(declarations.byteCount).toBe(0);
  });

  test("current() and find() go on over a restart", async () => {
    const { partition, clock, open, declarations } = setUp();
    const first = declarations.current();
    expect(open().current()).toEqual(first!);
    partition.shown = rootsOf(1);
    await clock.advance(10 * MINUTE_MS);
    const second = open().current();
    expect(digestOf(second)).not.toEqual(digestOf(first));
    expect(open().find(digestOf(first))).toEqual(read(first));
    expect(open().find(digestOf(second))).toEqual(read(second));
  });

  test("current() does not wait for a wall clock that was set back", async () => {
    const { partition, open, declarations } = setUp();
    const first = read(declarations.current());
    partition.kept[0] = { ...partition.kept[0]!, createdMs: partition.kept[0]!.createdMs + 24 * 60 * MINUTE_MS };
    partition.shown = rootsOf(1);
    expect(read(open().current()).serial).toBe(first.serial + 1);
  });

  test("find() knows a declaration for twenty minutes after its successor, and nobody else's", async () => {
    const { partition, clock, declarations } = setUp();
    const first = declarations.current();
    partition.shown = rootsOf(1);
    await clock.advance(60 * MINUTE_MS);
    const second = declarations.current();
    await clock.advance(20 * MINUTE_MS);
    expect(declarations.find(digestOf(first))).toEqual(read(first));
    await clock.advance(1);
    expect(declarations.find(digestOf(first))).toBeNull();
    expect(declarations.find(digestOf(second))).toEqual(read(second));
    expect(declarations.find(new Uint8Array(32))).toBeNull();
  });

  test("current() makes a new one on another chain and on another subnet", async () => {
    const otherGenesis = new Uint8Array(32).fill(1);
    for (const network of [{ netuid: NETUID, genesisHash: otherGenesis }, { netuid: NETUID + 1, genesisHash: GENESIS }]) {
      const { clock, open, declarations } = setUp();
      const first = read(declarations.current());
      await clock.advance(10 * MINUTE_MS);
      const second = read(open(network).current(), network.netuid, network.genesisHash);
      expect(second.serial).toBeGreaterThan(first.serial);
    }
  });

  test("a kept record that is damaged is left out, and its serial does not come again", async () => {
    const { partition, clock, declarations, open } = setUp();
    const first = read(declarations.current());
    partition.kept[0] = { ...partition.kept[0]!, bytes: partition.kept[0]!.bytes.slice(0, 40) };
    await clock.advance(1);
    expect(read(open().current()).serial).toBeGreaterThan(first.serial);
  });

  test("over any history serials grow, ten minutes lie between two, and each is answered for twenty minutes after the next", async () => {
    const steps = fc.array(fc.record({ minutes: fc.double({ min: 0, max: 25, noNaN: true }), root: fc.integer({ min: 0, max: 3 }), restarts: fc.boolean() }), { maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        const { partition, clock, open } = setUp();
        let declarations = open();
        const made: { signed: SignedDeclaration; serial: number; atMs: number }[] = [];
        for (const { minutes, root, restarts } of history) {
          await clock.advance(minutes * MINUTE_MS);
          if (restarts) declarations = open();
          partition.shown = rootsOf(root);
          const signed = declarations.current()!;
          const last = made.at(-1);
          if (!last || digestOf(last.signed).toString() !== digestOf(signed).toString()) {
            const { serial } = read(signed);
            if (last) {
              expect(serial).toBeGreaterThan(last.serial);
              expect(clock.now() - last.atMs).toBeGreaterThanOrEqual(10 * MINUTE_MS);
            }
            made.push({ signed, serial, atMs: clock.now() });
          }
          for (const [i, each] of made.entries()) {
            const successor = made[i + 1];
            const isAnswered = !successor || successor.atMs >= clock.now() - 20 * MINUTE_MS;
            expect(declarations.find(digestOf(each.signed)) !== null).toBe(isAnswered);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});
