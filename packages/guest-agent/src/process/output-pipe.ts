/** Reads one output pipe of a process into a buffer shared by all of them; pausing leaves the bytes in the kernel's pipe. */
import { Socket } from "node:net";

const CHUNK_BYTES = 32 * 1024;

// A chunk is handed on before the next read of any pipe begins, so one buffer is enough for all processes.
const shared = Buffer.allocUnsafeSlow(CHUNK_BYTES);

export interface OutputPipe {
  pause(): void;
  resume(): void;
}

/** Calls `onChunk` with bytes valid only during the call, and `onEnd` once when all writers have closed the pipe. */
export function readPipe(fd: number, onChunk: (bytes: Uint8Array) => void, onEnd: () => void): OutputPipe {
  let paused = false;
  const socket = new Socket({
    fd,
    readable: true,
    writable: false,
    onread: {
      buffer: shared,
      callback: (length) => {
        onChunk(shared.subarray(0, length));
        return !paused;
      },
    },
  });
  // An unreadable pipe is an ended one: 'close' follows.
  socket.on("error", () => {});
  socket.once("close", onEnd);
  socket.resume();
  return {
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      socket.resume();
    },
  };
}
