/** Pseudo-terminals. */
import { closeSync, constants, openSync } from "node:fs";
import { Socket, type SocketConstructorOpts } from "node:net";
import { duplicate, ioctl, socketPair } from "./libc.ts";

/** The side that programs see is `path`; what they write there is read from the descriptor `master`. */
export interface Terminal {
  readonly master: number;
  readonly path: string;
}

export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TIOCSWINSZ = 0x5414;
const TIOCGPTN = 0x80045430;
const TIOCSPTLCK = 0x40045431;
/** Input is UTF-8: what erases a character erases all its bytes. */
const IUTF8 = 0o40000;

/** A new terminal, which belongs to the user who the calling thread is. @throws Error */
export function openTerminal(size: TerminalSize): Terminal {
  const master = openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  try {
    ioctl(master, TIOCSPTLCK, Int32Array.of(0));
    const number = new Uint32Array(1);
    ioctl(master, TIOCGPTN, number);
    // Input modes are the first of the four words at the beginning of struct termios.
    const modes = new Uint32Array(16);
    ioctl(master, TCGETS, modes);
    modes[0] = (modes[0] ?? 0) | IUTF8;
    ioctl(master, TCSETS, modes);
    resizeTerminal(master, size);
    return { master, path: `/dev/pts/${number[0]}` };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}

/** Its foreground process group gets SIGWINCH. */
export function resizeTerminal(master: number, { cols, rows }: TerminalSize): void {
  ioctl(master, TIOCSWINSZ, Uint16Array.of(rows, cols, 0, 0));
}

/**
 * A socket that owns `device`, which must not block, and its descriptor while it is open. Node takes a terminal for its own
 * console and would wait in every write; so the socket is made for another descriptor, and the device put behind that
 * before it is first used.
 */
export function openDevice(device: number, options: SocketConstructorOpts): { socket: Socket; fd: number } {
  try {
    const [fd, other] = socketPair();
    closeSync(other);
    const socket = new Socket({ ...options, fd });
    duplicate(device, fd);
    return { socket, fd };
  } finally {
    closeSync(device);
  }
}
