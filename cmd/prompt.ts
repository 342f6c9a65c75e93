/** Questions to the person at the terminal. Asked only when stdin is one: a script gets an error that names the flag instead. */
import { BtstoreError } from "../lib/core/mod.ts";
import type { Screen } from "./screen.ts";

/** Lines typed or pasted before they were asked for. */
let typedAhead = "";

/** Whether somebody can be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true;
}

/**
 * Asks yes or no; everything but a yes is no.
 *
 * @param instead The flag that answers for a script, such as `--no_prompt`.
 * @throws {BtstoreError} "usage" if stdin is no terminal; "cancelled" on Ctrl-C.
 */
export async function confirm(screen: Screen, question: string, instead: string, signal: AbortSignal): Promise<boolean> {
  if (!canAsk()) throw new BtstoreError("usage", `Cannot ask "${question}": stdin is no terminal; answer with ${instead}`);
  screen.close();
  const answer = await readVisible(`${question} [y/N] `, signal);
  return /^\s*y(es)?\s*$/i.test(answer);
}

/**
 * Asks for a text; the answer comes without spaces around it.
 *
 * @param instead The flag that answers for a script.
 * @throws {BtstoreError} "usage" if stdin is no terminal; "cancelled" on Ctrl-C.
 */
export async function askText(screen: Screen, question: string, instead: string, signal: AbortSignal): Promise<string> {
  if (!canAsk()) throw new BtstoreError("usage", `Cannot ask "${question}": stdin is no terminal; answer with ${instead}`);
  screen.close();
  return (await readVisible(`${question} `, signal)).trim();
}

/**
 * Reads a secret without showing it.
 *
 * @param instead What a script sets instead, for the message.
 * @throws {BtstoreError} "usage" if stdin is no terminal; "cancelled" on Ctrl-C.
 */
export async function readSecret(screen: Screen, question: string, instead: string, signal: AbortSignal): Promise<string> {
  if (!canAsk()) throw new BtstoreError("usage", `Cannot ask for the password: stdin is no terminal; set ${instead}`);
  screen.close();
  return readHidden(`${question}: `, signal);
}

/** The terminal edits the line itself; its Ctrl-C comes as a signal, its end of input counts as an empty line. */
function readVisible(question: string, signal: AbortSignal): Promise<string> {
  const { stdin, stderr } = process;
  return new Promise<string>((resolve, reject) => {
    const end = (settle: () => void) => {
      stdin.off("data", onData);
      stdin.off("end", onEnd);
      signal.removeEventListener("abort", onAbort);
      stdin.pause();
      settle();
    };
    const onAbort = () => {
      stderr.write("\n");
      end(() => reject(signal.reason));
    };
    const onEnd = () => end(() => resolve(""));
    const takeLine = () => {
      const at = typedAhead.indexOf("\n");
      if (at < 0) return;
      const line = typedAhead.slice(0, at);
      typedAhead = typedAhead.slice(at + 1);
      end(() => resolve(line));
    };
    const onData = (data: Buffer) => {
      typedAhead += data.toString("utf8");
      takeLine();
    };
    stderr.write(question);
    stdin.on("data", onData);
    stdin.on("end", onEnd);
    stdin.resume();
    signal.addEventListener("abort", onAbort, { once: true });
    takeLine();
  });
}

/** Raw mode: the terminal echoes nothing and Ctrl-C arrives as a byte. */
function readHidden(question: string, signal: AbortSignal): Promise<string> {
  const { stdin, stderr } = process;
  return new Promise<string>((resolve, reject) => {
    let typed: string[] = [];
    const end = (settle: () => void) => {
      stdin.off("data", onData);
      signal.removeEventListener("abort", onAbort);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write("\n");
      settle();
    };
    const onAbort = () => end(() => reject(signal.reason));
    const onData = (data: Buffer) => {
      for (const character of data.toString("utf8")) {
        if (character === "\r" || character === "\n") return end(() => resolve(typed.join("")));
        if (character === "\x03" || (character === "\x04" && typed.length === 0)) return end(() => reject(new BtstoreError("cancelled", "Stopped by Ctrl-C")));
        if (character === "\x15") typed = [];
        else if (character === "\x7f" || character === "\b") typed.pop();
        else if (character >= " " && typed.length < 1024) typed.push(character);
      }
    };
    // Before the question shows, or what is typed at once would be echoed.
    stdin.setRawMode(true);
    stderr.write(question);
    stdin.resume();
    stdin.on("data", onData);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
