/**
 * Wallet: keys, addresses and btcli's key files, byte for byte compatible.
 *
 * Daemons need a hotkey and the coldkey's address only; the coldkey itself is opened for what it pays. Secrets stay
 * inside this room: a {@link Hotkey} signs and says who it is, nothing more.
 */
export type { Hotkey } from "./keypair.ts";
export { cryptoReady, keypairFromUri, verifySignature } from "./keypair.ts";
export type { Encryption } from "./encryption.ts";
export type { MessageForm } from "./message.ts";
export { messageBytes, signatureText, verifyMessage } from "./message.ts";
export { decodeSs58, encodeSs58, parseSs58 } from "./ss58.ts";
export type { Unlock } from "./password.ts";
export { findPassword } from "./password.ts";
export type { CreatedKey, KeyCreation, KeyFileState, KeyKind, WalletLocation, WalletPaths, WalletSummary } from "./wallet.ts";
export {
  createColdkey, createHotkey, describeWallet, keyFilesThere, listWallets, loadColdkey, loadColdkeyAddress, loadHotkey, rewriteKey, walletPaths,
} from "./wallet.ts";
