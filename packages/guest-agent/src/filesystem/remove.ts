/** `Remove`: removes a file, or a folder with everything in it. What is not there is removed already. */
import type { IncomingHttpHeaders } from "node:http";
import { WrennError } from "@wrenn/protocol/errors";
import type { RemoveRequest } from "@wrenn/protocol/gen/filesystem_pb";
import { toFileError } from "../system/file-errors.ts";
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
    await asUserInSlices(user, removeTree(path));
  } catch (error) {
    throw toFileError(text, error);
  }
  return {};
}
