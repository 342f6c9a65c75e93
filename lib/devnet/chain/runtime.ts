/** The runtime: its pallets, the outer call, event and error types over them, and the dispatch of calls. */
import { type CallValue, type Context, DispatchFailure, type Origin, type Pallet } from "./declare.ts";
import type { DispatchErrorValue } from "./primitives.ts";
import { adminUtils } from "./pallets/admin.ts";
import { balances } from "./pallets/balances.ts";
import { drand } from "./pallets/drand.ts";
import { transactionPayment } from "./pallets/payment.ts";
import { subtensor } from "./pallets/subtensor/mod.ts";
import { systemPallet } from "./pallets/system.ts";
import { aura, timestamp } from "./pallets/timestamp.ts";
import { sudoPallet, utilityPallet } from "./pallets/utility.ts";
import { type Codec, enumeration, type Fields, type Variants } from "./scale.ts";

const NAMESPACE = "node_subtensor_runtime";

/** An outer enumeration: one variant per pallet that has the part, holding the pallet's own enumeration. */
function outer(name: string, part: (pallet: Pallet) => Codec<any> | null): Codec<any> {
  const variants = (): Variants => {
    const entries = PALLETS.map((pallet) => [pallet.name, { index: pallet.index, codec: part(pallet) }] as const);
    return Object.fromEntries(entries.filter(([, { codec }]) => codec).map(([pallet, { index, codec }]) => [pallet, { index, fields: [codec!] }]));
  };
  return enumeration(`${NAMESPACE}::${name}`, once(variants));
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** A pallet's own enumeration of calls, events or errors; null where it has none. */
function inner(pallet: Pallet, name: string, variants: Record<string, { index: number; fields: Fields }>): Codec<any> | null {
  return Object.keys(variants).length === 0 ? null : enumeration(`${pallet.crate}::pallet::${name}`, variants);
}

const remembered = (make: (pallet: Pallet) => Codec<any> | null) => {
  const made = new Map<string, Codec<any> | null>();
  return (pallet: Pallet) => {
    if (!made.has(pallet.name)) made.set(pallet.name, make(pallet));
    return made.get(pallet.name)!;
  };
};

/** The type of one pallet's calls, events, errors; null where it has none. */
export const callsOf = remembered((pallet) =>
  inner(pallet, "Call", Object.fromEntries(Object.entries(pallet.calls).map(([name, { index, args }]) => [name, { index, fields: args }]))),
);
export const eventsOf = remembered((pallet) => inner(pallet, "Event", { ...pallet.events }));
export const errorsOf = remembered((pallet) =>
  inner(pallet, "Error", Object.fromEntries(Object.entries(pallet.errors).map(([name, index]) => [name, { index, fields: [] }]))),
);

export const RuntimeCall: Codec<CallValue> = outer("RuntimeCall", callsOf);
export const RuntimeEvent: Codec<{ kind: string; value: readonly [{ kind: string; value: unknown }] }> = outer("RuntimeEvent", eventsOf);
export const RuntimeError: Codec<unknown> = outer("RuntimeError", errorsOf);

const system = systemPallet(RuntimeEvent);

/** `System.Events`. */
export const Events = system.events;

/** Every pallet, by index. */
export const PALLETS: readonly Pallet[] = [
  system.pallet, timestamp, aura, balances, transactionPayment, subtensor, utilityPallet(RuntimeCall, describeFailure), sudoPallet(RuntimeCall, describeFailure), adminUtils, drand,
];

const TOKEN_ERRORS = ["FundsUnavailable", "NotExpendable", "BelowMinimum"];

/** A failure as the `DispatchError` that events and results carry. */
export function describeFailure({ pallet: name, error }: DispatchFailure): DispatchErrorValue {
  const unit = (kind: string) => ({ kind, value: [] }) as never;
  if (name === null) {
    if (TOKEN_ERRORS.includes(error)) return { kind: "Token", value: [unit(error)] };
    return error === "Overflow" ? { kind: "Arithmetic", value: [unit(error)] } : unit(error);
  }
  const pallet = PALLETS.find((candidate) => candidate.name === name)!;
  return { kind: "Module", value: [{ index: pallet.index, error: Uint8Array.of(pallet.errors[error]!, 0, 0, 0) }] };
}

/** A decoded call's declaration and arguments. */
export function resolveCall({ kind, value: [{ kind: name, value: args }] }: CallValue) {
  const pallet = PALLETS.find((candidate) => candidate.name === kind)!;
  return { pallet, name, args, call: pallet.calls[name]! };
}

/** Runs a call on a context; what it did is undone if it fails. */
export function dispatch(context: Context & { eventCount(): number; dropEvents(count: number): void }, value: CallValue, origin: Origin): DispatchFailure | null {
  const mark = context.state.mark();
  const events = context.eventCount();
  const { call, args } = resolveCall(value);
  try {
    call.run(context, origin, args);
    return null;
  } catch (error) {
    context.state.rollback(mark);
    context.dropEvents(events);
    if (error instanceof DispatchFailure) return error;
    // An amount that does not fit its type: the real arithmetic fails there too.
    if (error instanceof RangeError) return new DispatchFailure(null, "Overflow");
    throw error;
  }
}
