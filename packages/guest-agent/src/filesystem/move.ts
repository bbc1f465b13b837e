/** `Move`: gives something another path. What is at the destination is replaced, unless it is a folder with something in it. */
import { lstatSync, mkdirSync, renameSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { dirname } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { WrennError } from "@wrenn/protocol/errors";
import type { MoveRequest, MoveResponseSchema } from "@wrenn/protocol/gen/filesystem_pb";
import { isErrno } from "../system/file-errors.ts";
import type { FilesystemContext, Place } from "./context.ts";
import { describe } from "./entry.ts";

/** Makes the folders above the destination that are missing. @throws invalid_request across file systems, among others */
export function move(
  context: FilesystemContext,
  request: MoveRequest,
  headers: IncomingHttpHeaders,
): MessageInitShape<typeof MoveResponseSchema> {
  const source = context.place(request.source, headers);
  const destination = context.place(request.destination, headers);
  const owners = context.owners();
  context.asUser(source, () => lstatSync(source.text));
  return context.asUser(destination, () => {
    mkdirSync(dirname(destination.text), { recursive: true, mode: 0o755 });
    rename(source, destination);
    return { entry: describe(destination.path, owners) };
  });
}

function rename(source: Place, destination: Place): void {
  try {
    renameSync(source.text, destination.text);
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
