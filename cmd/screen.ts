/**
 * The terminal's stderr, shared by log lines and whatever is redrawn below them.
 *
 * Lines scroll; the footer (progress bars, a live table) stays under them and is painted again after each line. Where
 * stderr is no terminal the footer is never painted: progress then says itself in lines (`cmd/progress.ts`).
 */

/** What a screen needs of a stream; `process.stderr` fits, tests hand in a recorder. */
export type ScreenStream = { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number; write(text: string): unknown };

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_BELOW = "\x1b[0J";
const CLEAR_ALL = "\x1b[H\x1b[2J";

export class Screen {
  readonly #stream: ScreenStream;
  #footer: readonly string[] = [];
  #painted = 0;

  constructor(stream: ScreenStream = process.stderr) {
    this.#stream = stream;
  }

  /** Whether the footer is shown, and a person can be asked. */
  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Characters in a line: the terminal's, else 100. */
  get columns(): number {
    return this.#stream.columns || 100;
  }

  /** Lines of a footer that fit: the terminal's but one, else 23. */
  get footerRows(): number {
    return Math.max(1, (this.#stream.rows || 24) - 1);
  }

  /** Writes whole lines above the footer. */
  print(text: string): void {
    this.#stream.write(`${this.#erase()}${text}\n${this.#paint()}`);
  }

  /** Replaces the footer. Lines are cut to the terminal's width, the footer to its height; without a terminal nothing happens. */
  setFooter(lines: readonly string[]): void {
    if (!this.isTerminal) return;
    const erase = this.#erase();
    this.#footer = lines;
    this.#stream.write(erase + this.#paint());
  }

  /** Wipes the terminal and paints the footer again: after a change of size nobody knows where its lines went. */
  clear(): void {
    if (!this.isTerminal || this.#painted === 0) return;
    this.#stream.write(CLEAR_ALL + this.#paint());
  }

  /** Leaves the last footer standing as ordinary lines and gives the cursor back. */
  close(): void {
    if (this.#painted > 0) this.#stream.write(SHOW_CURSOR);
    this.#footer = [];
    this.#painted = 0;
  }

  #erase(): string {
    return this.#painted === 0 ? "" : `\x1b[${this.#painted}A\r${CLEAR_BELOW}`;
  }

  #paint(): string {
    const shown = this.#footer.slice(0, this.footerRows);
    const wasHidden = this.#painted > 0;
    this.#painted = shown.length;
    if (shown.length === 0) return wasHidden ? SHOW_CURSOR : "";
    return (wasHidden ? "" : HIDE_CURSOR) + shown.map((line) => `${cut(line, this.columns - 1)}\n`).join("");
  }
}

/** Cuts a line to a width; one that is too wide loses its colours with its end. */
function cut(line: string, width: number): string {
  if (Bun.stringWidth(line) <= width) return line;
  let kept = "";
  for (const character of Bun.stripANSI(line)) {
    if (Bun.stringWidth(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
