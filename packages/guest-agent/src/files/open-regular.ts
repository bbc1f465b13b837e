/** Opens what is a regular file for sure: a FIFO would block, and opening a device can have effects. */
import { constants, fstatSync, openSync, type Stats } from "node:fs";
import { WrennError } from "@wrenn/protocol/errors";
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
      requireRegular(path, fstatSync(named.descriptor));
      // Without O_NONBLOCK another program's lease on the file would hold up everybody.
      return openSync(named.path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    }),
  );
}

/** @throws invalid_request */
export function requireRegular(path: string, stats: Stats): void {
  if (stats.isDirectory()) throw new WrennError("invalid_request", `"${path}" is a directory`);
  if (!stats.isFile()) throw new WrennError("invalid_request", `"${path}" is not a regular file`);
}
