/** What commands print: results on stdout, everything else on stderr, colours only where a person looks. */
import { styleText } from "node:util";
import type { WrennError } from "@wrenn/protocol/errors";
import stringWidth from "string-width";

type Style = "bold" | "dim" | "green" | "red" | "yellow" | "cyan";

export function style(text: string, format: Style, stream: NodeJS.WriteStream = process.stderr): string {
  return styleText(format, text, { stream });
}

export function out(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

export function json(value: unknown): void {
  out(JSON.stringify(value, undefined, 2));
}

export function printError(error: WrennError, asJson: boolean): void {
  const { message, code } = error;
  if (asJson) {
    note(JSON.stringify({ error: { code, message } }));
    return;
  }
  note(`${style("error:", "red")} ${message} ${style(`(${code})`, "dim")}`);
  if (error.spec.suggestion !== undefined) note(`  ${error.spec.suggestion}`);
}

/** Columns as wide as their widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, i) =>
    Math.max(...[title, ...rows.map((row) => row[i] ?? "")].map((cell) => stringWidth(cell))),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell + " ".repeat((widths[i] ?? 0) - stringWidth(cell)))
      .join("  ")
      .trimEnd();
  return [style(line(header), "dim", process.stdout), ...rows.map(line)].join("\n");
}

/** `340 ms`, `1.2 s`, `3 min 20 s` */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** Phases of an operation on one line, the longest names first lost to nobody. */
export function phasesLine(phases: Readonly<Record<string, number>>): string {
  return Object.entries(phases)
    .map(([name, ms]) => `${name.replaceAll("_", " ")} ${duration(ms)}`)
    .join(", ");
}
