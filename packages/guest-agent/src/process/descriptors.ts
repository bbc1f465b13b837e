/** What a process reads from and writes to: pipes or a terminal, made as the user, who can then open them by their path. */
import { closeSync } from "node:fs";
import { type Pipe, pipe } from "../system/libc.ts";
import { openTerminal, type TerminalSize } from "../system/terminal.ts";

export interface PipeDescriptors {
  readonly kind: "pipes";
  readonly stdin: number | undefined;
  readonly stdout: number;
  readonly stderr: number;
}

export interface TerminalDescriptor {
  readonly kind: "terminal";
  readonly master: number;
}

/** The agent's ends, as file descriptors. */
export type Descriptors = PipeDescriptors | TerminalDescriptor;

export interface Made {
  readonly descriptors: Descriptors;
  /** the process's ends, as `spawnProgram` takes them */
  readonly stdio: readonly (number | string)[];
  /** Closes what the process has of its own by now. */
  closeTheirs(): void;
  closeOurs(): void;
}

/**
 * Pipes, not socket pairs: `/dev/stdout` of a process cannot be opened when it is a socket.
 * @param withStdin a pipe on stdin; /dev/null otherwise
 */
export function makePipes(withStdin: boolean): Made {
  const made: Pipe[] = [];
  const closeAll = (end: keyof Pipe, input: keyof Pipe) => {
    made.forEach((one, index) => closeSync(one[index === 2 ? input : end]));
  };
  try {
    for (let count = withStdin ? 3 : 2; count > 0; count -= 1) made.push(pipe());
  } catch (error) {
    closeAll("read", "read");
    closeAll("write", "write");
    throw error;
  }
  const [stdout, stderr, stdin] = made as [Pipe, Pipe, Pipe?];
  return {
    descriptors: { kind: "pipes", stdin: stdin?.write, stdout: stdout.read, stderr: stderr.read },
    stdio: [stdin?.read ?? "/dev/null", stdout.write, stderr.write],
    closeTheirs: () => closeAll("write", "read"),
    closeOurs: () => closeAll("read", "write"),
  };
}

export function makeTerminal(size: TerminalSize): Made {
  const { master, path } = openTerminal(size);
  return {
    descriptors: { kind: "terminal", master },
    stdio: [path, 0, 0],
    closeTheirs: () => {},
    closeOurs: () => closeSync(master),
  };
}
