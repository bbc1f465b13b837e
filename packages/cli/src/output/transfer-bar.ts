/** How far a transfer is and how fast it goes, on one line of a terminal; elsewhere nothing. */
import { duration, size, style } from "./print.ts";
import { CLEAR_LINE, transient } from "./progress.ts";

const REDRAW_MS = 100;
/** Milliseconds over which the speed is measured. */
const WINDOW_MS = 3000;
const CELLS = 20;

export interface TransferState {
  readonly bytes: number;
  readonly total: number | undefined;
  /** bytes a second */
  readonly speed: number;
}

/** `name  ██████░░░░░░░░░░░░░░ 31 %  12.3 MiB  4.1 MiB/s  7.2 s left`; without a total only bytes and speed */
export function barLine(title: string, { bytes, total, speed }: TransferState): string {
  const moved = `${size(bytes)}  ${size(speed)}/s`;
  if (total === undefined || total === 0) return `${title}  ${moved}`;
  const part = Math.min(1, bytes / total);
  const cells = Math.floor(part * CELLS);
  const bar = `${"█".repeat(cells)}${"░".repeat(CELLS - cells)} ${Math.floor(part * 100)} %`;
  const left = speed > 0 && bytes < total ? `  ${duration(((total - bytes) / speed) * 1000)} left` : "";
  return `${title}  ${bar}  ${moved}${left}`;
}

export class TransferBar implements Disposable {
  readonly #title: string;
  /** bytes, when they are known */
  total: number | undefined;
  readonly #live: boolean;
  /** newest last; the first is what the speed is measured from */
  readonly #samples: { at: number; bytes: number }[] = [{ at: performance.now(), bytes: 0 }];
  #drawn = 0;

  /** @param quiet shows nothing, for `--json` */
  constructor(title: string, quiet: boolean) {
    this.#title = title;
    this.#live = !quiet && process.stderr.isTTY;
  }

  show(bytes: number): void {
    const now = performance.now();
    if (!this.#live || now - this.#drawn < REDRAW_MS) return;
    this.#drawn = now;
    this.#samples.push({ at: now, bytes });
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > WINDOW_MS) this.#samples.shift();
    const [first = { at: now, bytes }] = this.#samples;
    const speed = now > first.at ? ((bytes - first.bytes) / (now - first.at)) * 1000 : 0;
    transient(barLine(style(this.#title, "cyan"), { bytes, total: this.total, speed }));
  }

  /** Takes the line away. */
  [Symbol.dispose](): void {
    if (this.#live) process.stderr.write(CLEAR_LINE);
  }
}
