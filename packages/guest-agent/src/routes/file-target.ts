/** What `/files` has in common: which file a request means, and what errors of the file system mean to a client. */
import { type ErrorCode, WrennError } from "@wrenn/protocol/errors";
import type { Agent } from "../agent.ts";
import { resolveUserPath } from "../system/paths.ts";
import type { User } from "../system/users.ts";

export interface FileTarget {
  readonly path: string;
  readonly user: User;
}

/** @throws invalid_request for a missing path or an unknown user */
export function fileTarget({ users, settings }: Pick<Agent, "users" | "settings">, query: string): FileTarget {
  const parameters = new URLSearchParams(query);
  const path = parameters.get("path");
  if (!path) throw new WrennError("invalid_request", "the query parameter path is missing");
  const user = users.find(parameters.get("username") || settings.defaultUser);
  return { path: resolveUserPath(path, user.home), user };
}

const CODES: Record<string, [code: ErrorCode, problem: string]> = {
  ENOENT: ["not_found", "does not exist"],
  EEXIST: ["invalid_request", "leads through a file that is not a directory"],
  ENOTDIR: ["invalid_request", "leads through a file that is not a directory"],
  EISDIR: ["invalid_request", "is a directory"],
  ENAMETOOLONG: ["invalid_request", "is too long"],
  ELOOP: ["invalid_request", "leads through too many symbolic links"],
  EACCES: ["forbidden", "cannot be accessed"],
  EPERM: ["forbidden", "cannot be changed"],
  EROFS: ["forbidden", "is on a read-only file system"],
  ETXTBSY: ["conflict", "is a running program"],
  EFBIG: ["too_large", "is larger than its file system can hold"],
  ENOSPC: ["disk_full", "cannot be written: the disk is full"],
  EDQUOT: ["disk_full", "cannot be written: the quota is used up"],
};

/** The registry error for an error of the file system; any other error as it is. */
export function toFileError(path: string, error: unknown): unknown {
  const known = CODES[(error as NodeJS.ErrnoException | undefined)?.code ?? ""];
  return known === undefined ? error : new WrennError(known[0], `"${path}" ${known[1]}`, { cause: error });
}
