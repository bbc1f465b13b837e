/** `Remove`: removes a file, or a folder with everything in it. What is not there is removed already. */
import type { IncomingHttpHeaders } from "node:http";
import { WrennError } from "@wrenn/protocol/errors";
import type { RemoveRequest } from "@wrenn/protocol/gen/filesystem_pb";
import { isErrno, toFileError } from "../system/file-errors.ts";
import { holdFolderOf, nameOf } from "../system/held.ts";
import { asUser } from "../system/impersonate.ts";
import { asUserInSlices } from "../system/slices.ts";
import type { FilesystemContext } from "./context.ts";
import { removeTree } from "./remove-tree.ts";

export async function remove(
  context: FilesystemContext,
  request: RemoveRequest,
  headers: IncomingHttpHeaders,
): Promise<Record<string, never>> {
  const { user, text, path } = context.place(request.path, headers);
  if (text === "/") throw new WrennError("invalid_request", "the root folder cannot be removed");
  try {
    using folder = asUser(user, () => holdFolderOf(path));
    await asUserInSlices(user, removeTree(folder.at(nameOf(path))));
  } catch (error) {
    // Where its folder is missing it is gone too.
    if (isErrno(error, "ENOENT")) return {};
    throw toFileError(text, error);
  }
  return {};
}
