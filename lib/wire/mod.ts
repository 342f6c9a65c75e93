/**
 * Wire: signed HTTP between hotkeys. The axon answers (`createAxon`, a function of a request; `listenAxon` puts it on a
 * port), the dendrite calls and measures. Requests are btauth/1, answers are signed by us, and every limit stands in
 * one table. The axon also answers Bittensor's old protocol (`legacy.ts`), under the same checks.
 */
export { createAxon } from "./axon.ts";
export type { AxonHandler, AxonOptions, Standing } from "./axon.ts";
export { Dendrite } from "./dendrite.ts";
export type { CallOptions, Outcome, Peer, Timing } from "./dendrite.ts";
export type { LegacyRoutes } from "./legacy_axon.ts";
export { WIRE_LIMITS } from "./limits.ts";
export type { MessageName, Rate, SynapseLimits, WireLimits } from "./limits.ts";
export { listenAxon } from "./listen.ts";
export type { AxonTls, ListeningAxon } from "./listen.ts";
export type { SynapseHandler } from "./native.ts";
export { nonceFile } from "./nonce_file.ts";
export { decodePing, encodePing, PROTOCOL_VERSION, Refusal } from "./synapse.ts";
export type { RefusalName, SynapseName } from "./synapse.ts";
