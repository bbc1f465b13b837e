/**
 * One process of the capsule and its listeners. Output goes to whoever listens, in order, and waits in the pipe while one
 * of them is behind; with nobody listening it is dropped. The end comes after the last output.
 */
import { closeSync } from "node:fs";
import type { ExitStatus } from "../system/child-reaper.ts";
import { type EndEvent, endEvent } from "./exit-status.ts";
import type { Launched } from "./launch.ts";
import { type OutputPipe, readPipe } from "./output-pipe.ts";

export type OutputStream = "stdout" | "stderr";

export interface ProcessListener {
  /** The bytes are valid only during the call. False asks for a pause until `resume`. */
  onOutput(stream: OutputStream, bytes: Uint8Array): boolean;
  onEnd(event: EndEvent): void;
}

/** Milliseconds without output after which a process that exited has ended, although a descendant holds its pipes open. */
const SILENCE_MS = 250;
/** Such rounds after which it has ended even though the descendant goes on writing. */
const MAX_ROUNDS = 8;

export class RunningProcess {
  readonly pid: number;
  readonly #listeners = new Set<ProcessListener>();
  readonly #behind = new Set<ProcessListener>();
  readonly #pipes: readonly OutputPipe[];
  #stdin: number | undefined;
  #openPipes = 2;
  #chunks = 0;
  #rounds = 0;
  #round: NodeJS.Timeout | undefined;
  #exit: EndEvent | undefined;
  #ended = false;

  constructor({ pid, stdin, stdout, stderr }: Launched) {
    this.pid = pid;
    this.#stdin = stdin;
    this.#pipes = [this.#read("stdout", stdout), this.#read("stderr", stderr)];
  }

  /** The process itself is gone; its last output may still be on the way. */
  exited(status: ExitStatus): void {
    this.#exit = endEvent(status);
    if (this.#stdin !== undefined) closeSync(this.#stdin);
    this.#stdin = undefined;
    this.#endIfOver();
  }

  /** Adds a listener; it hears what comes from now on. Returns how to remove it. */
  listen(listener: ProcessListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      this.resume(listener);
    };
  }

  /** The listener has caught up. */
  resume(listener: ProcessListener): void {
    if (!this.#behind.delete(listener) || this.#behind.size > 0) return;
    for (const pipe of this.#pipes) pipe.resume();
    this.#endIfOver();
  }

  #read(stream: OutputStream, fd: number): OutputPipe {
    return readPipe(
      fd,
      (bytes) => this.#output(stream, bytes),
      () => {
        this.#openPipes -= 1;
        this.#endIfOver();
      },
    );
  }

  #output(stream: OutputStream, bytes: Uint8Array): void {
    this.#chunks += 1;
    for (const listener of this.#listeners) {
      if (!listener.onOutput(stream, bytes)) this.#behind.add(listener);
    }
    if (this.#behind.size === 0) return;
    clearTimeout(this.#round);
    for (const pipe of this.#pipes) pipe.pause();
  }

  #endIfOver(): void {
    if (this.#exit === undefined || this.#ended) return;
    if (this.#openPipes === 0) this.#end(this.#exit);
    else if (this.#behind.size === 0) this.#waitForSilence(this.#exit);
  }

  #waitForSilence(exit: EndEvent): void {
    const chunks = this.#chunks;
    clearTimeout(this.#round);
    this.#round = setTimeout(() => {
      // A machine that stood still finds its timers due before it has read what waits in the pipes: read first.
      setImmediate(() => {
        this.#rounds += 1;
        if (this.#behind.size === 0 && (this.#chunks === chunks || this.#rounds >= MAX_ROUNDS)) this.#end(exit);
        else this.#endIfOver();
      });
    }, SILENCE_MS);
  }

  #end(event: EndEvent): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#round);
    for (const listener of this.#listeners) listener.onEnd(event);
    this.#listeners.clear();
  }
}
