/**
 * One process of the capsule. It lives on whether anybody reads its output or not; its end comes after the last output.
 */
import type { ExitStatus } from "../system/child-reaper.ts";
import { monotonicMs } from "../system/clock.ts";
import type { TerminalSize } from "../system/terminal.ts";
import { type EndEvent, endEvent } from "./exit-status.ts";
import type { Launched } from "./launch.ts";
import { OutputHub } from "./output-hub.ts";
import { openIo, type ProcessIo } from "./process-io.ts";

/** Milliseconds without output after which a process that exited has ended, although a descendant holds its pipes open. */
const SILENCE_MS = 250;
/** Milliseconds of the descendant's output that are waited for; what it writes after that is for nobody. */
const MAX_FLOW_MS = 60_000;
/** The same in a terminal, which is closed at the end: who leaves its shell waits for nobody. */
const MAX_TERMINAL_FLOW_MS = 2000;
const SIGKILL = 9;
/** Longest time that a timer can wait. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export class RunningProcess {
  readonly pid: number;
  readonly output: OutputHub;
  readonly #io: ProcessIo;
  #isOpen = true;
  #writes = 0;
  #flowMs = 0;
  #roundBegan = 0;
  readonly #maxFlowMs: number;
  #round: NodeJS.Timeout | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #timedOut = false;
  #exit: EndEvent | undefined;
  #hasEnded = false;

  /** @param maxFlowMs milliseconds after its exit for which a descendant's output still belongs to it */
  constructor({ pid, descriptors }: Launched, maxFlowMs?: number) {
    this.pid = pid;
    this.#maxFlowMs = maxFlowMs ?? (descriptors.kind === "terminal" ? MAX_TERMINAL_FLOW_MS : MAX_FLOW_MS);
    this.#io = openIo(pid, descriptors, {
      onOutput: (stream, bytes) => {
        if (this.#hasEnded) return;
        this.#writes += 1;
        this.output.write(stream, bytes);
      },
      onClosed: () => {
        this.#isOpen = false;
        this.#endIfOver();
      },
    });
    this.output = new OutputHub(this.#io.chunkBytes, (held) => this.#hold(held));
  }

  get hasTerminal(): boolean {
    return this.#io.hasTerminal;
  }

  /** The process itself is gone; what it started may live on. */
  get hasExited(): boolean {
    return this.#exit !== undefined;
  }

  /** How it ended, once all its output is there. */
  get end(): EndEvent | undefined {
    return this.#hasEnded ? this.#exit : undefined;
  }

  /** Where it is written to. @throws invalid_state when there is none of that kind */
  input(to: "stdin" | "pty"): ReturnType<ProcessIo["input"]> {
    return this.#io.input(to);
  }

  /** @throws invalid_state */
  closeInput(): void {
    this.#io.closeInput();
  }

  /** @throws invalid_state without a terminal */
  resize(size: TerminalSize): void {
    this.#io.resize(size);
  }

  /** Signals the whole process group. False when there is none any more. */
  signal(number: number): boolean {
    try {
      return process.kill(-this.pid, number);
    } catch {
      return false;
    }
  }

  /** Kills the process group then, unless it has ended: also what the process has left behind, whose output is still awaited. */
  killAfter(milliseconds: number): void {
    if (milliseconds > MAX_TIMEOUT_MS || this.#hasEnded) return;
    this.#deadline = setTimeout(() => {
      const killed = this.signal(SIGKILL);
      if (this.#exit === undefined) this.#timedOut = killed;
    }, milliseconds);
  }

  /** The process itself is gone; its last output may still be on the way. */
  exited(status: ExitStatus): void {
    this.#exit = endEvent(status, this.#timedOut);
    this.#io.dropInput();
    this.#endIfOver();
  }

  #hold(held: boolean): void {
    if (held) {
      this.#endRound();
      this.#io.pause();
    } else {
      this.#io.resume();
      this.#endIfOver();
    }
  }

  #endIfOver(): void {
    if (this.#exit === undefined || this.#hasEnded) return;
    if (!this.#isOpen || this.#flowMs >= this.#maxFlowMs) this.#end();
    else if (!this.output.isHeld) this.#waitForSilence();
  }

  #waitForSilence(): void {
    const writes = this.#writes;
    this.#endRound();
    this.#roundBegan = monotonicMs();
    this.#round = setTimeout(() => {
      // A machine that stood still finds its timers due before it has read what waits in the pipes: read first.
      setImmediate(() => {
        this.#endRound();
        if (this.#writes === writes && !this.output.isHeld) this.#end();
        else this.#endIfOver();
      });
    }, SILENCE_MS);
  }

  /** The time for which nobody holds the output up counts; not that for which the machine stood still. */
  #endRound(): void {
    if (this.#round === undefined) return;
    clearTimeout(this.#round);
    this.#round = undefined;
    this.#flowMs += Math.min(SILENCE_MS, monotonicMs() - this.#roundBegan);
  }

  #end(): void {
    if (this.#hasEnded) return;
    clearTimeout(this.#deadline);
    clearTimeout(this.#round);
    this.#io.endOutput();
    this.#hasEnded = true;
    this.output.close();
  }
}
