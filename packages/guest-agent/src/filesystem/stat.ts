/** `Stat`: what is at a path. */
import type { IncomingHttpHeaders } from "node:http";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { StatRequest, StatResponseSchema } from "@wrenn/protocol/gen/filesystem_pb";
import type { FilesystemContext } from "./context.ts";
import { describe } from "./entry.ts";

export function stat(
  context: FilesystemContext,
  request: StatRequest,
  headers: IncomingHttpHeaders,
): MessageInitShape<typeof StatResponseSchema> {
  const place = context.place(request.path, headers);
  const owners = context.owners();
  return { entry: context.asUser(place, () => describe(place.path, owners)) };
}
