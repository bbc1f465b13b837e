/** GET /v1/channels/{id} */

import { channelSchema } from "@wrenn/protocol/rest/channels";
import { getChannel as get } from "../../channels/channels.ts";
import { member } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { channelId, channelParams } from "./params.ts";
import { toChannel } from "./view.ts";

export const getChannel: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "GET",
    url: "/v1/channels/:id",
    config: { access: member("member") },
    schema: {
      operationId: "getChannel",
      tags: ["Channels"],
      summary: "Show a channel",
      params: channelParams,
      response: { 200: channelSchema, ...errors(400, 404) },
    },
    handler: async (request) => toChannel(await get(db, request.teamId, channelId(request.params))),
  });
};
