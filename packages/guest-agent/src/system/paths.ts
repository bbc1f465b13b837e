/** Paths as clients write them: absolute, relative to the user's home, or beginning with `~`. */
import { resolve } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";

/** The absolute path. @throws invalid_request for an empty path or one with a NUL */
export function resolveUserPath(path: string, home: string): string {
  if (path === "" || path.includes("\0")) throw new WrennError("invalid_request", "the path is empty or contains NUL");
  if (path === "~") return home;
  if (path.startsWith("~/")) return resolve(home, path.slice(2));
  return resolve(home, path);
}
