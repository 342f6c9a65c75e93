/** `btstore register`: buys the hotkey a place on a subnet. The only command that spends; it asks before it does. */
import { BtstoreError, formatTao, parseTao } from "../lib/core/mod.ts";
import { loadColdkey, loadColdkeyAddress } from "../lib/wallet/mod.ts";
import { command } from "./command.ts";
import { openChain, openHotkey, unlockFor, walletLocation } from "./context.ts";
import { print, printJson } from "./output.ts";
import { canAsk, confirm } from "./prompt.ts";

/** Each registration by others raises the price by 26 %: a limit a tenth above what was shown refuses to follow it. */
const MARGIN_DIVISOR = 10n;

export const register = command("register", async (run) => {
  const { flags, signal, log, screen } = run;
  const given = flags.price_max === null ? null : parseTao(flags.price_max);
  if (flags.price_max !== null && given === null) throw new BtstoreError("usage", `Cannot read "--price_max": "${flags.price_max}" is no amount of TAO, such as 0.5`);
  if (!flags.no_prompt && !canAsk()) throw new BtstoreError("usage", "Cannot ask for confirmation: stdin is no terminal; --no_prompt goes ahead without asking");
  const location = walletLocation(flags);
  const { netuid } = flags;
  const [payer, hotkey] = [await loadColdkeyAddress(location), (await openHotkey(run)).ss58];
  const chain = await openChain(run);
  try {
    const { price, fee, balance, isLimitHeld } = await chain.quoteRegistration(payer, hotkey, netuid);
    const limit = given ?? price + price / MARGIN_DIVISOR;
    const needed = price + (fee ?? 0n);
    if (!flags.json) {
      print([
        `Hotkey   ${hotkey}`,
        `Coldkey  ${payer}`,
        `Subnet   ${netuid}`,
        `Price    ${formatTao(price)}, burned; at most ${formatTao(limit)}${isLimitHeld ? "" : " (checked before sending: this chain holds no limit itself)"}`,
        `Fee      ${fee === null ? "unknown" : formatTao(fee)}`,
        `Balance  ${formatTao(balance)}${balance >= needed ? `, ${formatTao(balance - needed)} afterwards` : ""}`,
      ].join("\n"));
    }
    if (balance < needed) throw new BtstoreError("chain_refused", `Cannot register: it takes ${formatTao(needed)} and the coldkey ${payer} holds ${formatTao(balance)}; send TAO to it`);
    if (price > limit) throw new BtstoreError("chain_refused", `Cannot register: the price is ${formatTao(price)}, above the ${formatTao(limit)} of --price_max; wait until it has fallen, it halves in about 360 blocks`);
    if (!flags.no_prompt && !(await confirm(screen, `Pay up to ${formatTao(limit)}?`, "--no_prompt", signal))) throw new BtstoreError("cancelled", "Nothing was paid");
    const coldkey = await loadColdkey(location, unlockFor(run));
    const { uid } = await chain.register(coldkey, hotkey, netuid, limit);
    if (flags.json) return printJson({ hotkey, netuid, uid, priceRao: price, feeRao: fee });
    log.info("The hotkey is registered", { netuid, uid });
  } finally {
    await chain.close();
  }
});
