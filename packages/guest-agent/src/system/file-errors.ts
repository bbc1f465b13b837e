/** What errors of the file system mean to a client. */
import { type ErrorCode, WrennError } from "@wrenn/protocol/errors";

const CODES: Record<string, [code: ErrorCode, problem: string]> = {
  ENOENT: ["not_found", "does not exist"],
  EEXIST: ["invalid_request", "leads through a file that is not a directory"],
  ENOTDIR: ["invalid_request", "leads through a file that is not a directory"],
  EISDIR: ["invalid_request", "is a directory"],
  ENXIO: ["invalid_request", "is not a regular file"],
  EINVAL: ["invalid_request", "is not a name that its file system accepts"],
  ENAMETOOLONG: ["invalid_request", "is too long"],
  ELOOP: ["invalid_request", "leads through too many symbolic links"],
  ENOTEMPTY: ["conflict", "is a directory that is not empty"],
  EBUSY: ["conflict", "is in use by the system"],
  ETXTBSY: ["conflict", "is a running program"],
  // Another program holds a lease on the file, and an open that does not wait is refused.
  EAGAIN: ["conflict", "is locked by another program"],
  EACCES: ["forbidden", "cannot be accessed"],
  EPERM: ["forbidden", "cannot be changed"],
  EROFS: ["forbidden", "is on a read-only file system"],
  EFBIG: ["too_large", "is larger than its file system can hold"],
  EMLINK: ["too_large", "is in a directory that cannot hold more"],
  ENOSPC: ["disk_full", "cannot be written: the disk is full"],
  EDQUOT: ["disk_full", "cannot be written: the quota is used up"],
  EIO: ["internal_error", "cannot be read or written: input/output error"],
};

/** A tree changes while it is walked, and parts of it are closed to the user or too deep to have a path. */
export const UNREADABLE = ["ENOENT", "ENOTDIR", "EACCES", "EPERM", "ENAMETOOLONG", "ELOOP"] as const;

/** The registry error for an error of the file system; any other error as it is. */
export function toFileError(path: string, error: unknown): unknown {
  const known = CODES[errorCode(error) ?? ""];
  return known === undefined ? error : new WrennError(known[0], `"${path}" ${known[1]}`, { cause: error });
}

/** Runs `body`, whose errors of the file system are about the path. */
export function aboutFile<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw toFileError(path, error);
  }
}

/** True for an error of the operating system with one of these names, such as ENOENT. */
export function isErrno(error: unknown, ...names: string[]): boolean {
  return names.includes(errorCode(error) ?? "");
}

function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
