/** `Move`: gives something another path. What is at the destination is replaced, unless it is a folder with something in it. */
import { lstatSync, renameSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { dirname } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { WrennError } from "@wrenn/protocol/errors";
import type { MoveRequest, MoveResponseSchema } from "@wrenn/protocol/gen/filesystem_pb";
import { type BytePath, onDisk } from "../system/byte-path.ts";
import { isErrno } from "../system/file-errors.ts";
import { type Held, holdFolderOf, nameOf } from "../system/held.ts";
import { makeFolders } from "../system/make-folders.ts";
import type { FilesystemContext, Place } from "./context.ts";
import { describeIn } from "./entry.ts";

/** Makes the folders above the destination that are missing. @throws invalid_request across file systems, among others */
export function move(
  context: FilesystemContext,
  request: MoveRequest,
  headers: IncomingHttpHeaders,
): MessageInitShape<typeof MoveResponseSchema> {
  const source = context.place(request.source, headers);
  const destination = context.place(request.destination, headers);
  const owners = context.owners();
  using from = context.asUser(source, () => holdFolderOf(source.path));
  context.asUser(source, () => lstatSync(onDisk(from.at(nameOf(source.path)))));
  return context.asUser(destination, () => {
    makeFolders(dirname(destination.path) as BytePath);
    using to = holdFolderOf(destination.path);
    rename(from, source, to, destination);
    return { entry: describeIn(to, destination.path, owners) };
  });
}

function rename(from: Held, source: Place, to: Held, destination: Place): void {
  try {
    renameSync(onDisk(from.at(nameOf(source.path))), onDisk(to.at(nameOf(destination.path))));
  } catch (error) {
    if (isErrno(error, "EXDEV")) {
      const problem = `"${source.text}" and "${destination.text}" are on different file systems: copy it, then remove it`;
      throw new WrennError("invalid_request", problem, { cause: error });
    }
    if (isErrno(error, "EINVAL")) {
      throw new WrennError("invalid_request", `"${source.text}" cannot be moved into itself`, { cause: error });
    }
    throw error;
  }
}
