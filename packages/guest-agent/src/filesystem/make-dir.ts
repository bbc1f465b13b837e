/** `MakeDir`: makes a folder and those above it that are missing. They are the user's. */
import type { IncomingHttpHeaders } from "node:http";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { WrennError } from "@wrenn/protocol/errors";
import type { MakeDirRequest, MakeDirResponseSchema } from "@wrenn/protocol/gen/filesystem_pb";
import { makeFolders } from "../system/make-folders.ts";
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
    if (makeFolders(place.path) === undefined) throw new WrennError("conflict", `"${text}" exists already`);
    return { entry: describe(place.path, owners) };
  });
}
