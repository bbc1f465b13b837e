/**
 * The QEMU Machine Protocol: JSON lines over a Unix socket, commands answered in order, events in between.
 * A closed socket means that QEMU is gone: it never closes the monitor by itself.
 */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { WrennError } from "@wrenn/protocol/errors";

/** QEMU's answers are small; anything longer is not QMP. */
const MAX_LINE = 4 * 1024 * 1024;
const COMMAND_TIMEOUT_MS = 30_000;

export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Splits a stream of bytes into lines. @throws RangeError when a line is longer than the limit */
export class LineSplitter {
  #rest = "";
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(text: string): string[] {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > this.#limit) throw new RangeError("line too long");
    return lines.filter((line) => line.trim() !== "");
  }
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export class Qmp {
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #pending: Pending[] = [];
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  #greeted: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    const splitter = new LineSplitter(MAX_LINE);
    socket.setEncoding("utf8");
    socket.on("error", () => {});
    socket.on("data", (text) => {
      try {
        for (const line of splitter.push(String(text))) this.#receive(JSON.parse(line));
      } catch {
        socket.destroy();
      }
    });
    socket.once("close", () => {
      for (const pending of this.#pending.splice(0))
        pending.reject(new WrennError("vmm_failed", "the VMM closed its control socket"));
    });
  }

  /** Connects as soon as the socket exists. `gone` tells that waiting is useless. @throws vmm_failed */
  static async connect(path: string, { timeoutMs, gone }: { timeoutMs: number; gone: () => boolean }): Promise<Qmp> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const socket = await open(path);
      if (socket !== undefined) return Qmp.#handshake(new Qmp(socket), deadline - Date.now());
      if (gone()) throw new WrennError("vmm_failed", "the VMM ended before it opened its control socket");
      if (Date.now() > deadline) throw new WrennError("vmm_failed", "the VMM did not open its control socket in time");
      await sleep(1);
    }
  }

  /** Of a process that got the other end when it was started. @throws vmm_failed */
  static over(socket: Socket, timeoutMs: number): Promise<Qmp> {
    return Qmp.#handshake(new Qmp(socket), timeoutMs);
  }

  static async #handshake(qmp: Qmp, timeoutMs: number): Promise<Qmp> {
    const greeting = new Promise<boolean>((resolve) => {
      qmp.#greeted = () => resolve(true);
    });
    // While another client is connected QEMU accepts but does not greet.
    const greeted = await Promise.race([greeting, qmp.closed, sleep(Math.max(timeoutMs, 100), false, { ref: false })]);
    if (greeted !== true) {
      qmp.close();
      throw new WrennError("vmm_failed", "the VMM's control socket does not answer");
    }
    await qmp.execute("qmp_capabilities");
    return qmp;
  }

  /**
   * An answer that is late is dropped when it comes: a VMM that is slow or frozen is not dead.
   * @throws vmm_failed with QEMU's own description, or when it does not answer in time
   */
  async execute(command: string, args?: Record<string, unknown>, timeoutMs = COMMAND_TIMEOUT_MS): Promise<unknown> {
    if (this.#socket.destroyed) throw new WrennError("vmm_failed", "the VMM is gone");
    return new Promise<unknown>((resolve, reject) => {
      const late = () => reject(new WrennError("vmm_failed", `the VMM does not answer ${command} in ${timeoutMs} ms`));
      const timer = setTimeout(late, timeoutMs);
      this.#pending.push({
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.#socket.write(`${JSON.stringify(args ? { execute: command, arguments: args } : { execute: command })}\n`);
    });
  }

  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(message: {
    QMP?: unknown;
    event?: string;
    data?: Record<string, unknown>;
    return?: unknown;
    error?: { desc: string };
  }): void {
    if (message.QMP !== undefined) this.#greeted();
    else if (message.event !== undefined) {
      for (const listener of this.#listeners) listener({ event: message.event, data: message.data ?? {} });
    } else {
      const pending = this.#pending.shift();
      if (message.error === undefined) pending?.resolve(message.return);
      else pending?.reject(new WrennError("vmm_failed", `the VMM refused: ${message.error.desc}`));
    }
  }
}

function open(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}
