/** Identities that look alike as text or number and must not be mixed up. Made only by the parser at the edge. */

/** An account's SS58 address, prefix 42, 48 characters, checksum verified (`lib/wallet/ss58.ts`). */
export type Ss58 = string & { readonly __brand: "Ss58" };
