/** PATCH /v1/channels/{id}: its name and what it is told of. */

import { channelSchema, updateChannelSchema } from "@wrenn/protocol/rest/channels";
import { updateChannel as update } from "../../channels/channels.ts";
import { member } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { channelId, channelParams } from "./params.ts";
import { toChannel } from "./view.ts";

export const updateChannel: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "PATCH",
    url: "/v1/channels/:id",
    config: { access: member("admin"), audit: { resource: "channel", action: "update" } },
    schema: {
      operationId: "updateChannel",
      tags: ["Channels"],
      summary: "Change the name of a channel, or what it is told of",
      params: channelParams,
      body: updateChannelSchema,
      response: { 200: channelSchema, ...errors(400, 404, 409) },
    },
    handler: async (request) => toChannel(await update(db, request.teamId, channelId(request.params), request.body)),
  });
};
