/** Opens what is a regular file for sure: a FIFO would block, and opening a device can have effects. */
import { constants, fstatSync, openSync, type Stats } from "node:fs";
import { bytePath } from "../system/byte-path.ts";
import { aboutFile } from "../system/file-errors.ts";
import { hold } from "../system/held.ts";
import { asUser } from "../system/impersonate.ts";
import type { User } from "../system/users.ts";

/** A descriptor to read from, opened by the user. @throws invalid_request for a directory or something special, not_found, forbidden */
export function openRegular(path: string, user: User): number {
  return aboutFile(path, () =>
    asUser(user, () => {
      using named = hold(bytePath(path));
      requireRegular(fstatSync(named.descriptor));
      // Without O_NONBLOCK another program's lease on the file would hold up everybody.
      return openSync(named.path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    }),
  );
}

/** @throws errors as the file system has them, which the caller says the path of */
export function requireRegular(stats: Stats): void {
  if (stats.isDirectory()) throw Object.assign(new Error("a directory"), { code: "EISDIR" });
  if (!stats.isFile()) throw Object.assign(new Error("not a regular file"), { code: "ENXIO" });
}
