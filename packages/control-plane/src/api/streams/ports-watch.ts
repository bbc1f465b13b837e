/** WebSocket /v1/capsules/{id}/ports/watch: the ports that programs listen on, now and at every change. */
import { watchPorts } from "../../capsules/ports.ts";
import { streamRoute } from "./route.ts";
import { followEvents } from "./watch.ts";

export const portWatchStream = streamRoute({
  path: "/ports/watch",
  serve: ({ client, context, call }) =>
    followEvents(client, call, async function* (watching) {
      for await (const { ports } of watchPorts(context.capsules, watching)) yield { type: "ports", ports };
    }),
});
