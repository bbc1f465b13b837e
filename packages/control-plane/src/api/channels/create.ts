/** POST /v1/channels: the one answer that shows a webhook's secret. */

import { idFromUuid } from "@wrenn/protocol/ids";
import { channelSchema, createChannelSchema } from "@wrenn/protocol/rest/channels";
import { createChannel as create } from "../../channels/channels.ts";
import { member } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { toChannel } from "./view.ts";

export const createChannel: Route = (app, { channels }) => {
  app.route({
    method: "POST",
    url: "/v1/channels",
    config: { access: member("admin"), audit: { resource: "channel", action: "create" } },
    schema: {
      operationId: "createChannel",
      tags: ["Channels"],
      summary: "Have the team told of what happens",
      body: createChannelSchema,
      response: { 201: channelSchema, ...errors(400, 409, "quota_exceeded") },
    },
    handler: async (request, reply) => {
      const { row, secret } = await create(channels, request.teamId, request.body);
      request.audited.resourceId = idFromUuid("channel", row.id);
      return reply.code(201).send(toChannel(row, secret));
    },
  });
};
