/** POST /v1/channels/test: whether a configuration is right, before a channel has it. */

import { testChannelSchema } from "@wrenn/protocol/rest/channels";
import { z } from "zod";
import { testChannel as test } from "../../channels/channels.ts";
import { member } from "../access.ts";
import { perTeam } from "../rate-limits.ts";
import { errors, type Route } from "../route.ts";

export const testChannel: Route = (app, { channels, rateLimits }) => {
  app.route({
    method: "POST",
    url: "/v1/channels/test",
    config: {
      access: member("admin"),
      audit: { resource: "channel", action: "test" },
      rateLimit: perTeam(rateLimits.channelTestPerMinute),
    },
    schema: {
      operationId: "testChannel",
      tags: ["Channels"],
      summary: "Send a test and wait for the receiver's answer",
      body: testChannelSchema,
      response: { 200: z.object({ status: z.literal("ok") }), ...errors(400, 413, "delivery_failed") },
    },
    handler: async (request) => {
      const { provider, config } = request.body;
      await test(channels, request.teamId, provider, config);
      return { status: "ok" as const };
    },
  });
};
