/** `MakeDir`: makes a folder and those above it that are missing. They are the user's. */
import { mkdirSync, statSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { WrennError } from "@wrenn/protocol/errors";
import type { MakeDirRequest, MakeDirResponseSchema } from "@wrenn/protocol/gen/filesystem_pb";
import type { FilesystemContext } from "./context.ts";
import { describe } from "./entry.ts";

/** @throws conflict when the folder is there, invalid_request when something else is */
export function makeDir(
  context: FilesystemContext,
  request: MakeDirRequest,
  headers: IncomingHttpHeaders,
): MessageInitShape<typeof MakeDirResponseSchema> {
  const place = context.place(request.path, headers);
  const { text } = place;
  const owners = context.owners();
  return context.asUser(place, () => {
    if (mkdirSync(text, { recursive: true, mode: 0o755 }) === undefined) {
      const isFolder = statSync(text).isDirectory();
      throw isFolder
        ? new WrennError("conflict", `"${text}" exists already`)
        : new WrennError("invalid_request", `"${text}" is a file`);
    }
    return { entry: describe(place.path, owners) };
  });
}
