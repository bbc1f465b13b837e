/** WebSocket /v1/capsules/{id}/files/watch?path=…: what happens to the files of a folder. */
import { EventType } from "@wrenn/protocol/gen/filesystem_pb";
import { fileWatchQuerySchema } from "@wrenn/protocol/rest/files";
import type { FILE_EVENTS, FileWatchMessage } from "@wrenn/protocol/rest/streams";
import { type FolderEvent, watchFolder } from "../../capsules/watch-folder.ts";
import { streamRoute } from "./route.ts";
import { followEvents } from "./watch.ts";

const EVENTS: Partial<Record<EventType, (typeof FILE_EVENTS)[number]>> = {
  [EventType.CREATE]: "create",
  [EventType.WRITE]: "write",
  [EventType.REMOVE]: "remove",
  [EventType.RENAME]: "rename",
  [EventType.CHMOD]: "chmod",
};

function toMessage(event: FolderEvent): FileWatchMessage | undefined {
  if (event.case === "start") return { type: "started" };
  if (event.case === "overflow") return { type: "overflow" };
  const { type, name, renamedFrom } = event.value;
  const known = EVENTS[type];
  if (known === undefined) return undefined;
  return { type: "event", event: known, name, ...(renamedFrom === undefined ? {} : { renamed_from: renamedFrom }) };
}

export const fileWatchStream = streamRoute({
  path: "/files/watch",
  query: fileWatchQuerySchema,
  serve: ({ client, context, call, query }) =>
    followEvents(client, call, async function* (watching) {
      for await (const event of watchFolder(context.capsules, watching, query)) {
        const message = toMessage(event);
        if (message !== undefined) yield message;
      }
    }),
});
