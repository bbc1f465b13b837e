/** Reads what a process writes into a buffer shared by all of them; pausing leaves the bytes in the kernel. */
import type { Socket, SocketConstructorOpts } from "node:net";

/** Most bytes of one chunk. */
export const PIPE_CHUNK_BYTES = 32 * 1024;

// A chunk is handed on before the next read of any process begins, so one buffer is enough for all.
const shared = Buffer.allocUnsafeSlow(PIPE_CHUNK_BYTES);

export interface OutputPipe {
  readonly socket: Socket;
  pause(): void;
  resume(): void;
}

/**
 * Calls `onChunk` with bytes valid only during the call, and `onEnd` once when all writers have closed their ends.
 * @param open makes the socket to read from
 */
export function readPipe(
  open: (options: SocketConstructorOpts) => Socket,
  onChunk: (bytes: Uint8Array) => void,
  onEnd: () => void,
): OutputPipe {
  let paused = false;
  const socket = open({
    readable: true,
    onread: {
      buffer: shared,
      callback: (length) => {
        onChunk(shared.subarray(0, length));
        return !paused;
      },
    },
  });
  // An unreadable pipe is an ended one, as a terminal is that nobody has open: 'close' follows.
  socket.on("error", () => {});
  socket.once("close", onEnd);
  socket.resume();
  return {
    socket,
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      socket.resume();
    },
  };
}
