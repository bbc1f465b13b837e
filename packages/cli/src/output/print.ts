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

/** Text of a guest, which must not steer the terminal: control characters become `?`. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "?");
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

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `340 ms`, `1.2 s`, `3 min 20 s`, `5 h 10 min`, `2 d 3 h` */
export function duration(ms: number): string {
  if (Math.round(ms) < SECOND_MS) return `${Math.round(ms)} ms`;
  const seconds = (ms / SECOND_MS).toFixed(1);
  if (Number(seconds) < 60) return `${seconds} s`;
  // Rounded before it is divided: 3 min 60 s is no time.
  const whole = Math.round(ms / SECOND_MS) * SECOND_MS;
  if (whole < HOUR_MS) return `${Math.floor(whole / MINUTE_MS)} min ${(whole % MINUTE_MS) / SECOND_MS} s`;
  if (whole < DAY_MS) return `${Math.floor(whole / HOUR_MS)} h ${Math.floor((whole % HOUR_MS) / MINUTE_MS)} min`;
  return `${Math.floor(whole / DAY_MS)} d ${Math.floor((whole % DAY_MS) / HOUR_MS)} h`;
}

/** Time since an RFC 3339 time; none when that is still to come by this box's clock. */
export function age(time: string): string {
  return duration(Math.max(Date.now() - Date.parse(time), 0));
}

const UNITS = ["KiB", "MiB", "GiB", "TiB"];

/** `640 KiB`, `87.3 MiB`, `1.5 GiB` */
export function size(bytes: number): string {
  let amount = bytes / 1024;
  let unit = 0;
  // What one decimal would round up to 1024 is 1 of the next unit.
  for (; amount >= 1023.95 && unit < UNITS.length - 1; unit++) amount /= 1024;
  return `${Number(amount.toFixed(1))} ${UNITS[unit]}`;
}

export function mebibytes(amount: number): string {
  return size(amount * 1024 * 1024);
}

/** Phases of an operation on one line, the longest names first lost to nobody. */
export function phasesLine(phases: Readonly<Record<string, number>>): string {
  return Object.entries(phases)
    .map(([name, ms]) => `${name.replaceAll("_", " ")} ${duration(ms)}`)
    .join(", ");
}

/** How long an operation took and in which phases, dimmed; nothing when the server does not say. */
export function notePhases(what: string, timings: Readonly<Record<string, number>> = {}): void {
  const { total, ...phases } = timings;
  if (total === undefined) return;
  const line = phasesLine(phases);
  note(style(`${what} in ${duration(total)}${line === "" ? "" : `: ${line}`}`, "dim"));
}
