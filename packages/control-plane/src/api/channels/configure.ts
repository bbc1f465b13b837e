/** PUT /v1/channels/{id}/config: another receiver, or other credentials. Shows a webhook's secret, as its creation does. */

import { channelConfigSchema, channelSchema } from "@wrenn/protocol/rest/channels";
import { configureChannel as configure } from "../../channels/channels.ts";
import { member } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { channelId, channelParams } from "./params.ts";
import { toChannel } from "./view.ts";

export const configureChannel: Route = (app, { channels }) => {
  app.route({
    method: "PUT",
    url: "/v1/channels/:id/config",
    config: { access: member("admin"), audit: { resource: "channel", action: "rotate_config" } },
    schema: {
      operationId: "configureChannel",
      tags: ["Channels"],
      summary: "Replace the configuration of a channel",
      params: channelParams,
      body: channelConfigSchema,
      response: { 200: channelSchema, ...errors(400, 404) },
    },
    handler: async (request) => {
      const id = channelId(request.params);
      const { row, secret } = await configure(channels, request.teamId, id, request.body.config);
      return toChannel(row, secret);
    },
  });
};
