/** A line that shows that the program has not hung while something takes seconds. Only on a terminal; elsewhere nothing. */
import type { Screen } from "./screen.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 100;

/**
 * Shows `text` until the work is done, and takes it away again.
 *
 * @param signal Ends the wait at once with its reason; the work itself goes on to its end, unseen.
 */
export async function spin<T>(screen: Screen, text: string, work: Promise<T>, signal: AbortSignal): Promise<T> {
  let frame = 0;
  const draw = () => screen.setFooter([`${FRAMES[frame++ % FRAMES.length]} ${text} …`]);
  const timer = setInterval(draw, FRAME_MS);
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
  });
  draw();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    clearInterval(timer);
    signal.removeEventListener("abort", onAbort);
    screen.setFooter([]);
  }
}
