/** Begins to watch what a client names, and describes the changes to it. */
import { fstatSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { WrennError } from "@wrenn/protocol/errors";
import type { CreateWatcherRequest, FilesystemEventSchema, WatchDirRequest } from "@wrenn/protocol/gen/filesystem_pb";
import { onDisk, textOf, within } from "../system/byte-path.ts";
import { isErrno, toFileError } from "../system/file-errors.ts";
import { hold } from "../system/held.ts";
import { asUser } from "../system/impersonate.ts";
import { fileSystemKind } from "../watch/file-systems.ts";
import { FolderWatch } from "../watch/folder-watch.ts";
import type { WatchEvent, WatchListener } from "../watch/watch-event.ts";
import type { FilesystemContext, Place } from "./context.ts";
import { describe, type Entry } from "./entry.ts";

export interface OpenedWatch {
  readonly watch: FolderWatch;
  describeEvent(event: WatchEvent): MessageInitShape<typeof FilesystemEventSchema>;
}

/** @throws not_found, invalid_request for a file, invalid_state on a network mount, too_large past what the kernel can watch */
export async function openWatch(
  context: FilesystemContext,
  request: WatchDirRequest | CreateWatcherRequest,
  headers: IncomingHttpHeaders,
  listener: WatchListener,
): Promise<OpenedWatch> {
  const place = context.place(request.path, headers);
  const { recursive, allowNetworkMounts } = request;
  let watch: FolderWatch | undefined;
  try {
    asUser(place.user, () => requireWatchable(place, allowNetworkMounts));
    watch = new FolderWatch(context.inotify, { ...place, recursive, allowNetworkMounts }, listener);
    await watch.begin();
  } catch (error) {
    watch?.close();
    throw watchError(place, error);
  }
  return {
    watch,
    describeEvent: (event) => ({
      name: textOf(event.name),
      type: event.type,
      ...(event.renamedFrom === undefined ? {} : { renamedFrom: textOf(event.renamedFrom) }),
      ...(request.includeEntry ? { entry: entryOf(context, place, event) } : {}),
    }),
  };
}

function requireWatchable({ text, path }: Place, allowNetworkMounts: boolean): void {
  using folder = hold(path);
  if (!fstatSync(folder.descriptor).isDirectory()) {
    throw new WrennError("invalid_request", `"${text}" is not a directory`);
  }
  if (allowNetworkMounts || fileSystemKind(onDisk(folder.path)) !== "network") return;
  throw new WrennError("invalid_state", `"${text}" is on a network mount: what others change there would not be seen`);
}

function watchError({ text }: Place, error: unknown): unknown {
  if (!isErrno(error, "ENOSPC")) return toFileError(text, error);
  const problem = `"${text}" has more folders than the kernel can watch: raise fs.inotify.max_user_watches`;
  return new WrennError("too_large", problem, { cause: error });
}

/** What is there now, if something is. */
function entryOf(context: FilesystemContext, { user, path }: Place, { name }: WatchEvent): Entry | undefined {
  const location = name === "." ? path : within(path, name);
  try {
    return asUser(user, () => describe(location, context.owners()));
  } catch {
    return undefined;
  }
}
