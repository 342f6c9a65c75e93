/** Announcing where a neuron listens (facts 3.5). */
import { call, type Context, DispatchFailure, signer } from "../../declare.ts";
import { type Account, NetUid } from "../../primitives.ts";
import { type FieldValues, U128, U16, U32, U8 } from "../../scale.ts";
import type { StateReader } from "../../state.ts";
import { fail } from "./fail.ts";
import * as items from "./storage.ts";

const axonArgs = { netuid: NetUid, version: U32, ip: U128, port: U16, ip_type: U8, protocol: U8, placeholder1: U8, placeholder2: U8 } as const;
const prometheusArgs = { netuid: NetUid, version: U32, ip: U128, port: U16, ip_type: U8 } as const;

const IPV4_MAX = 0xffff_ffffn;
const IPV4_LOCALHOST = 0x7f00_0001n;
const IPV6_MAX = 2n ** 128n - 1n;
const IPV6_LOCALHOST = 1n;

/** Custom pool errors of the real extension; every other failure is 255 (BadRequest). */
const POOL_CODES: Readonly<Record<string, number>> = { HotKeyNotRegisteredInNetwork: 10, InvalidIpAddress: 11, ServingRateLimitExceeded: 12, InvalidPort: 13 };
const BAD_REQUEST = 255;

function isValidIp(ipType: number, ip: bigint): boolean {
  if (ipType === 4) return ip < IPV4_MAX && ip !== IPV4_LOCALHOST;
  return ip < IPV6_MAX && ip !== IPV6_LOCALHOST;
}

type Endpoint = { netuid: number; ip: bigint; port: number; ip_type: number };

function validate(state: StateReader, blockNumber: number, hotkey: Account, { netuid, ip, port, ip_type }: Endpoint, lastServed: bigint): void {
  if (!items.Uids.has(state, netuid, hotkey)) throw fail("HotKeyNotRegisteredInNetwork");
  if (ip_type !== 4 && ip_type !== 6) throw fail("InvalidIpType");
  if (!isValidIp(ip_type, ip)) throw fail("InvalidIpAddress");
  const limit = items.ServingRateLimit.get(state, netuid);
  if (limit > 0n && lastServed > 0n && BigInt(blockNumber) - lastServed < limit) throw fail("ServingRateLimitExceeded");
  if (port === 0) throw fail("InvalidPort");
}

const lastAxon = (state: StateReader, netuid: number, hotkey: Account) => items.Axons.get(state, netuid, hotkey)?.block ?? 0n;

function serveAxon(context: Context, hotkey: Account, { netuid, ...axon }: FieldValues<typeof axonArgs>): void {
  const { state, blockNumber } = context;
  validate(state, blockNumber, hotkey, { netuid, ...axon }, lastAxon(state, netuid, hotkey));
  items.Axons.set(state, [netuid, hotkey], { block: BigInt(blockNumber), ...axon });
  context.emit("SubtensorModule", "AxonServed", [netuid, hotkey]);
}

export const servingCalls = {
  serve_axon: call(4, axonArgs, (context, origin, args) => serveAxon(context, signer(origin), args), {
    pays: false,
    precheck: (state, blockNumber, hotkey, args) => {
      try {
        validate(state, blockNumber, hotkey, args, lastAxon(state, args.netuid, hotkey));
        return null;
      } catch (error) {
        if (error instanceof DispatchFailure) return POOL_CODES[error.error] ?? BAD_REQUEST;
        throw error;
      }
    },
  }),
  serve_prometheus: call(
    5,
    prometheusArgs,
    (context, origin, { netuid, ...endpoint }) => {
      const hotkey = signer(origin);
      const { state, blockNumber } = context;
      validate(state, blockNumber, hotkey, { netuid, ...endpoint }, items.Prometheus.get(state, netuid, hotkey)?.block ?? 0n);
      items.Prometheus.set(state, [netuid, hotkey], { block: BigInt(blockNumber), ...endpoint });
      context.emit("SubtensorModule", "PrometheusServed", [netuid, hotkey]);
    },
    { pays: false },
  ),
};
