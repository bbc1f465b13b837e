/** Descriptors that only name something: a way to look at it, and then to open that very thing and nothing else. */
import type { BytePath } from "./byte-path.ts";

/** The same for all processors; Node does not export it. Opening with it does nothing to a device or a FIFO. */
export const O_PATH = 0o10000000;

/** The path of what the descriptor is open on. It works for other users too: the kernel knows the process for its own. */
export function openPath(descriptor: number): BytePath {
  return `/proc/self/fd/${descriptor}` as BytePath;
}
