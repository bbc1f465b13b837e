/** The command in a real terminal, with a person's hands on it: needs python3. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

/**
 * Runs a program in a terminal of a size. Reads commands, one line of JSON each, from stdin; the terminal's output goes to stdout. At the
 * end it says on stderr which exit code the program had and whether the terminal is as it was.
 */
const DRIVER = `
import fcntl, json, os, pty, select, signal, struct, sys, termios
master, slave = pty.openpty()
def resize(cols, rows):
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
resize(int(sys.argv[1]), int(sys.argv[2]))
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)
    os.execvp(sys.argv[3], sys.argv[3:])
line = b""
status = None
while True:
    ready, _, _ = select.select([master, 0] if status is None else [master], [], [], 0.02)
    if master in ready:
        os.write(1, os.read(master, 65536))
    elif status is not None:
        break
    if 0 in ready:
        line += os.read(0, 65536)
        *commands, line = line.split(b"\\n")
        for command in map(json.loads, commands):
            if "keys" in command:
                os.write(master, command["keys"].encode())
            if "size" in command:
                resize(*command["size"])
            if "signal" in command:
                os.kill(pid, getattr(signal, command["signal"]))
    if status is None:
        ended, found = os.waitpid(pid, os.WNOHANG)
        status = found if ended else None
restored = termios.tcgetattr(slave) == before
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "restored": restored}), file=sys.stderr)
`;

export interface TerminalEnd {
  /** negative for a signal */
  readonly code: number;
  /** whether keys are read and shown as before */
  readonly restored: boolean;
}

export class Terminal implements Disposable {
  readonly #driver: ChildProcess;
  #shown = "";
  #report = "";

  /** Runs one command line, against the server that the environment names. */
  constructor(args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    const command = [process.execPath, "--disable-warning=ExperimentalWarning", MAIN, ...args];
    const all = { ...env, TERM: "xterm", NO_COLOR: "1" };
    this.#driver = spawn("python3", ["-c", DRIVER, "100", "30", ...command], { env: all });
    this.#driver.stdout?.on("data", (bytes: Buffer) => (this.#shown += bytes.toString("utf8")));
    this.#driver.stderr?.on("data", (bytes: Buffer) => (this.#report += bytes.toString("utf8")));
  }

  /** All output so far. */
  get shown(): string {
    return this.#shown;
  }

  type(keys: string): void {
    this.#say({ keys });
  }

  resize(cols: number, rows: number): void {
    this.#say({ size: [cols, rows] });
  }

  signal(signal: NodeJS.Signals): void {
    this.#say({ signal });
  }

  async end(): Promise<TerminalEnd> {
    if (this.#driver.exitCode === null) await once(this.#driver, "close");
    return JSON.parse(this.#report) as TerminalEnd;
  }

  #say(command: object): void {
    this.#driver.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  [Symbol.dispose](): void {
    this.#driver.kill("SIGKILL");
  }
}
