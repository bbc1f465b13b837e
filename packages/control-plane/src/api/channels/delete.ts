/** DELETE /v1/channels/{id} */

import { z } from "zod";
import { deleteChannel as remove } from "../../channels/channels.ts";
import { member } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { channelId, channelParams } from "./params.ts";

export const deleteChannel: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "DELETE",
    url: "/v1/channels/:id",
    config: { access: member("admin"), audit: { resource: "channel", action: "delete" } },
    schema: {
      operationId: "deleteChannel",
      tags: ["Channels"],
      summary: "Delete a channel and all that it was told",
      params: channelParams,
      response: { 204: z.undefined().describe("Deleted"), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      await remove(db, request.teamId, channelId(request.params));
      return reply.code(204).send();
    },
  });
};
