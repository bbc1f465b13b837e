/** Files of root that somebody else's command comes upon: who may not read what, and what to do. */
import { accessSync, constants } from "node:fs";
import { userInfo } from "node:os";
import { WrennError } from "@wrenn/protocol/errors";
import type { Layout } from "@wrenn/runtime/layout";

/** For commands that another server than the local one would answer as well. */
export const OR_REMOTE = ", or set WRENN_API_URL and WRENN_API_KEY";

/** @param otherwise what else helps than to be root. @throws forbidden when `error` says that this user may not read the path */
export function throwIfDenied(error: unknown, path: string, otherwise = ""): void {
  if (!isDenied(error)) return;
  throw new WrennError("forbidden", `${whoAmI()} may not read ${path}: run as root${otherwise}`, { cause: error });
}

/** @throws config_invalid when a control plane of this user could not keep its things there, or not read those that it has */
export function requireOwnFolder({ dir, secretsFile, authorityFile, apiKeyFile }: Layout): void {
  const { R_OK, W_OK, X_OK } = constants;
  const needed = [
    [dir, R_OK | W_OK | X_OK] as const,
    ...[secretsFile, authorityFile, apiKeyFile].map((file) => [file, R_OK] as const),
  ];
  for (const [path, mode] of needed) {
    try {
      accessSync(path, mode);
    } catch (error) {
      if (!isDenied(error)) continue;
      const may = path === dir ? "may not write to" : "may not read";
      const message = `${whoAmI()} ${may} ${path}: run as root, or choose another WRENN_DIR`;
      throw new WrennError("config_invalid", message, { cause: error });
    }
  }
}

function isDenied(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EACCES" || code === "EPERM";
}

function whoAmI(): string {
  try {
    return `user ${userInfo().username}`;
  } catch {
    // One that the system has no name for.
    return `user ${process.getuid?.()}`;
  }
}
