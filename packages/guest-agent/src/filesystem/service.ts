/** The RPC service `filesystem.Filesystem`: one file a method. */
import { Filesystem } from "@wrenn/protocol/gen/filesystem_pb";
import type { Agent } from "../agent.ts";
import { serviceRoutes } from "../connect/service.ts";
import type { RouteHandler } from "../http/router.ts";
import { FilesystemContext } from "./context.ts";
import { listDir } from "./list-dir.ts";
import { makeDir } from "./make-dir.ts";
import { move } from "./move.ts";
import { remove } from "./remove.ts";
import { stat } from "./stat.ts";
import { watchDir } from "./watch-dir.ts";
import { Watchers } from "./watchers.ts";

export function filesystemRoutes(agent: Agent): Iterable<[route: string, handler: RouteHandler]> {
  const context = new FilesystemContext(agent);
  const watchers = new Watchers(context);
  return serviceRoutes(Filesystem, {
    stat: (request, headers) => stat(context, request, headers),
    makeDir: (request, headers) => makeDir(context, request, headers),
    move: (request, headers) => move(context, request, headers),
    listDir: (request, headers) => listDir(context, request, headers),
    remove: (request, headers) => remove(context, request, headers),
    watchDir: (request, stream, headers) => watchDir(context, request, stream, headers),
    createWatcher: (request, headers) => watchers.create(request, headers),
    getWatcherEvents: (request) => watchers.takeEvents(request),
    removeWatcher: (request) => watchers.remove(request),
  });
}
