/** The agent's side of what a process reads and writes: three pipes or one terminal. */
import { Socket } from "node:net";
import { WrennError } from "@wrenn/protocol/errors";
import { openDevice, resizeTerminal, type TerminalSize } from "../system/terminal.ts";
import type { Descriptors, PipeDescriptors, TerminalDescriptor } from "./descriptors.ts";
import type { OutputStream } from "./output-log.ts";
import { PIPE_CHUNK_BYTES, readPipe } from "./output-pipe.ts";
import { ProcessInput } from "./process-input.ts";
import { WholeCharacters } from "./utf8.ts";

export interface ProcessIo {
  /** most bytes that one event may carry */
  readonly chunkBytes: number;
  readonly hasTerminal: boolean;
  pause(): void;
  resume(): void;
  /** Where it is written to. @throws invalid_state when there is none of that kind */
  input(to: "stdin" | "pty"): Pick<ProcessInput, "write" | "writeAll">;
  /** @throws invalid_state */
  closeInput(): void;
  /** @throws invalid_state */
  resize(size: TerminalSize): void;
  /** The process has ended; output may still be on the way. */
  dropInput(): void;
  /** What comes from now on is for nobody. */
  endOutput(): void;
}

export interface OutputListener {
  /** The bytes are valid only during the call. */
  onOutput(stream: OutputStream, bytes: Uint8Array): void;
  /** All writers have closed all of it. */
  onClosed(): void;
}

export function openIo(pid: number, descriptors: Descriptors, listener: OutputListener): ProcessIo {
  return descriptors.kind === "pipes" ? pipesIo(pid, descriptors, listener) : terminalIo(pid, descriptors, listener);
}

function pipesIo(pid: number, { stdin, stdout, stderr }: PipeDescriptors, listener: OutputListener): ProcessIo {
  let open = 2;
  const onEnd = () => {
    open -= 1;
    if (open === 0) listener.onClosed();
  };
  const pipes = [["stdout", stdout] as const, ["stderr", stderr] as const].map(([stream, fd]) =>
    readPipe(
      (options) => new Socket({ ...options, fd, writable: false }),
      (bytes) => listener.onOutput(stream, bytes),
      onEnd,
    ),
  );
  const input =
    stdin === undefined
      ? undefined
      : new ProcessInput(pid, () => new Socket({ fd: stdin, readable: false, writable: true }));
  const requireInput = (): ProcessInput => {
    if (input === undefined) throw new WrennError("invalid_state", `process ${pid} was started without an input`);
    return input;
  };
  return {
    chunkBytes: PIPE_CHUNK_BYTES,
    hasTerminal: false,
    pause: () => pipes.forEach((pipe) => pipe.pause()),
    resume: () => pipes.forEach((pipe) => pipe.resume()),
    input(to) {
      if (to === "pty") throw noTerminal(pid);
      return requireInput();
    },
    closeInput: () => requireInput().close(),
    resize() {
      throw noTerminal(pid);
    },
    dropInput: () => input?.destroy(),
    // Read on, or a descendant that goes on writing would wait for ever.
    endOutput() {},
  };
}

/** As envd has it. */
const TERMINAL_CHUNK_BYTES = 16 * 1024;

function terminalIo(pid: number, { master }: TerminalDescriptor, listener: OutputListener): ProcessIo {
  const characters = new WholeCharacters((bytes) => listener.onOutput("pty", bytes));
  let fd = -1;
  const pipe = readPipe(
    (options) => {
      const device = openDevice(master, { ...options, writable: true });
      ({ fd } = device);
      return device.socket;
    },
    (bytes) => characters.push(bytes),
    () => {
      characters.flush();
      listener.onClosed();
    },
  );
  const { socket } = pipe;
  const input = new ProcessInput(pid, () => socket);
  return {
    chunkBytes: TERMINAL_CHUNK_BYTES,
    hasTerminal: true,
    pause: () => pipe.pause(),
    resume: () => pipe.resume(),
    input(to) {
      if (to === "stdin") throw new WrennError("invalid_state", `the input of process ${pid} is its terminal`);
      return input;
    },
    closeInput() {
      throw new WrennError("invalid_state", `the terminal of process ${pid} cannot be closed: send it Ctrl-D (0x04)`);
    },
    resize(size) {
      if (socket.destroyed) throw new WrennError("invalid_state", `the terminal of process ${pid} is closed`);
      resizeTerminal(fd, size);
    },
    dropInput() {},
    // Closes the terminal too: programs left in it get what they get when a window is closed.
    endOutput() {
      characters.flush();
      socket.destroy();
    },
  };
}

function noTerminal(pid: number): WrennError {
  return new WrennError("invalid_state", `process ${pid} has no terminal`);
}
