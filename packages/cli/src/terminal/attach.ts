/** Hands the user's terminal over to a process with a terminal in a capsule, until the process ends or the user leaves it. */
import { exitCodeOf, onEndingSignal } from "../signals.ts";
import type { StreamEnd } from "../streams/pipe.ts";
import type { ProcessStream } from "../streams/process-stream.ts";
import { DetachKeys } from "./detach-keys.ts";
import { RawTerminal } from "./raw-terminal.ts";

/** Bytes that may be typed ahead while the connection is slow or away. */
const MAX_TYPED_BYTES = 64 * 1024;

export interface AttachOptions {
  /** whether keys go to the process; without, signals like Ctrl-C do */
  readonly keyboard: boolean;
  /** the process has run for a while: not all that is on its screen may have been kept */
  readonly joins?: boolean;
}

export async function attachTerminal(
  stream: ProcessStream,
  { keyboard, joins = false }: AttachOptions,
): Promise<StreamEnd> {
  let leaveCode = 0;
  using _handler = onEndingSignal((signal) => {
    if (!keyboard) return void stream.send({ type: "signal", signal });
    leaveCode = exitCodeOf(signal);
    stream.close();
  });
  using terminal = new RawTerminal(process.stdout, keyboard ? process.stdin : undefined);
  const keys = connectKeys(terminal, stream);
  try {
    for await (const event of stream) {
      if (event.type === "start") (joins ? redraw : sendSize)(terminal, stream);
      if (event.type === "output") await terminal.write(event.data);
      if (event.type === "gap") redraw(terminal, stream);
      if (event.type === "exit") return { exitCode: event.exitCode, detached: false, timedOut: event.timedOut };
    }
    return { exitCode: leaveCode, detached: true, timedOut: false };
  } finally {
    keys.stop();
  }
}

function connectKeys(terminal: RawTerminal, stream: ProcessStream): DetachKeys {
  let waiting = 0;
  const send = (typed: Buffer) => {
    waiting += typed.length;
    if (waiting > MAX_TYPED_BYTES) terminal.pause();
    void stream.send({ type: "input", data: typed.toString("base64") }).then(() => {
      waiting -= typed.length;
      if (!stream.over) terminal.resume();
    });
  };
  const keys = new DetachKeys(send, () => stream.close());
  terminal.onKeys((typed) => keys.type(typed));
  terminal.onResize(() => sendSize(terminal, stream));
  return keys;
}

function sendSize(terminal: RawTerminal, stream: ProcessStream): void {
  void stream.send({ type: "resize", ...terminal.size });
}

/** The screen may show who knows what when output is missing. Programs draw it anew when the window changes its size. */
function redraw(terminal: RawTerminal, stream: ProcessStream): void {
  const { cols, rows } = terminal.size;
  void stream.send({ type: "resize", cols, rows: rows + 1 });
  sendSize(terminal, stream);
}
