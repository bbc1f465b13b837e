/** `ListDir`: what is in a folder and, as deep as was asked for, in its folders. */
import { fstatSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { WrennError } from "@wrenn/protocol/errors";
import type { ListDirRequest, ListDirResponseSchema } from "@wrenn/protocol/gen/filesystem_pb";
import { toFileError } from "../system/file-errors.ts";
import { hold } from "../system/held.ts";
import { asUserInSlices } from "../system/slices.ts";
import type { FilesystemContext } from "./context.ts";
import { walk } from "./walk.ts";

/** An answer is one message, held in memory by everybody it passes: this many take the agent some 60 MB while it is made. */
const MAX_ENTRIES = 50_000;

/** @throws too_large for more entries than one answer may have, invalid_request for what is no folder */
export async function listDir(
  context: FilesystemContext,
  request: ListDirRequest,
  headers: IncomingHttpHeaders,
): Promise<MessageInitShape<typeof ListDirResponseSchema>> {
  const place = context.place(request.path, headers);
  const { text } = place;
  context.asUser(place, () => {
    using folder = hold(place.path);
    if (fstatSync(folder.descriptor).isDirectory()) return;
    throw new WrennError("invalid_request", `"${text}" is not a directory`);
  });
  const options = { depth: Math.max(1, request.depth), maxEntries: MAX_ENTRIES, owners: context.owners() };
  try {
    return { entries: await asUserInSlices(place.user, walk(place.path, options)) };
  } catch (error) {
    throw toFileError(text, error);
  }
}
