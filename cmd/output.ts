/** Results on stdout: text, one line of JSON, tables. Logs and progress are `cmd/log.ts` and `cmd/progress.ts`. */
import { toHex } from "../lib/core/mod.ts";

/** Prints a result for people, with a line end. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Prints a result for scripts: one line. Bigints become decimal strings, byte strings hex. */
export function printJson(facts: unknown): void {
  process.stdout.write(`${toJson(facts)}\n`);
}

/** JSON on one line; bigints as decimal strings, byte strings as hex. */
export function toJson(facts: unknown): string {
  return JSON.stringify(facts, (_, value: unknown) => {
    if (typeof value === "bigint") return value.toString();
    return value instanceof Uint8Array ? toHex(value) : value;
  });
}

/** A column: its heading and on which side its cells stand. */
export type Column = { readonly heading: string; readonly align?: "left" | "right" };

/**
 * A table for terminals: aligned columns, two spaces apart, headings above; no lines, so that it can be cut with `awk`.
 *
 * @param rows One cell per column; cells may hold colours.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ heading }) => heading), ...rows];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => Bun.stringWidth(line[i] ?? ""))));
  const pad = (cell: string, i: number) => {
    const blank = " ".repeat(widths[i]! - Bun.stringWidth(cell));
    return columns[i]!.align === "right" ? blank + cell : cell + blank;
  };
  return lines.map((line) => columns.map((_, i) => pad(line[i] ?? "", i)).join("  ").trimEnd()).join("\n");
}
