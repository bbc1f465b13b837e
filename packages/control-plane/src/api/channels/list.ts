/** GET /v1/channels: by name. */

import { channelSchema } from "@wrenn/protocol/rest/channels";
import { z } from "zod";
import { listChannels as list } from "../../channels/channels.ts";
import { member } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { toChannel } from "./view.ts";

export const listChannels: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "GET",
    url: "/v1/channels",
    config: { access: member("member") },
    schema: {
      operationId: "listChannels",
      tags: ["Channels"],
      summary: "List the channels of the team",
      response: { 200: z.array(channelSchema), ...errors() },
    },
    handler: async (request) => (await list(db, request.teamId)).map((row) => toChannel(row)),
  });
};
