/** GET /v1/channels/{id}/deliveries: what the channel was told, newest first. */

import { DELIVERY_STATUSES, deliveryListSchema } from "@wrenn/protocol/rest/channels";
import { z } from "zod";
import { getChannel } from "../../channels/channels.ts";
import { listDeliveries as list } from "../../channels/deliveries.ts";
import { member } from "../access.ts";
import { fromCursor, toCursor } from "../cursor.ts";
import { errors, type Route } from "../route.ts";
import { channelId, channelParams } from "./params.ts";
import { toDelivery } from "./view.ts";

const querystring = z.object({
  status: z.enum(DELIVERY_STATUSES).optional().describe("Only those; `dead` ones can be sent again"),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(200).optional().describe("`next_cursor` of the page before"),
});

export const listDeliveries: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "GET",
    url: "/v1/channels/:id/deliveries",
    config: { access: member("member") },
    schema: {
      operationId: "listDeliveries",
      tags: ["Channels"],
      summary: "List what a channel was told, newest first",
      params: channelParams,
      querystring,
      response: { 200: deliveryListSchema, ...errors(400, 404) },
    },
    handler: async (request) => {
      const { status, limit, cursor } = request.query;
      const after = cursor === undefined ? undefined : fromCursor(cursor);
      const { id } = await getChannel(db, request.teamId, channelId(request.params));
      // One more shows whether there is another page.
      const rows = await list(db, id, { status, limit: limit + 1, after });
      const page = rows.slice(0, limit);
      const last = rows.length > limit ? page.at(-1) : undefined;
      return {
        items: page.map(toDelivery),
        ...(last === undefined ? {} : { next_cursor: toCursor(last.createdAt.toISOString(), last.id) }),
      };
    },
  });
};
