/** Paths as clients write them: absolute, relative to the user's home, or beginning with `~`. */
import { resolve } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";

/** PATH_MAX of Linux, without the NUL at the end. */
const MAX_PATH_BYTES = 4095;

/** The absolute path, without `.` and `..`. @throws invalid_request for an empty or too long path or one with a NUL */
export function resolveUserPath(path: string, home: string): string {
  if (path === "" || path.includes("\0")) throw new WrennError("invalid_request", "the path is empty or contains NUL");
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new WrennError("invalid_request", `the path is longer than ${MAX_PATH_BYTES} bytes`);
  }
  if (path === "~") return home;
  if (path.startsWith("~/")) return resolve(home, path.slice(2));
  return resolve(home, path);
}
