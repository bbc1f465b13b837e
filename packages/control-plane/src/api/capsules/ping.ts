/** POST /v1/capsules/{id}/ping: the idle time begins anew. */

import { parseId } from "@wrenn/protocol/ids";
import { z } from "zod";
import { pingCapsule as ping } from "../../capsules/ping.ts";
import { team } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { capsuleParams } from "./params.ts";

export const pingCapsule: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/capsules/:id/ping",
    config: { access: team("capsules:use"), audit: "none" },
    schema: {
      operationId: "pingCapsule",
      tags: ["Capsules"],
      summary: "Count a capsule as used now",
      params: capsuleParams,
      response: {
        204: z.undefined().describe("Its idle time begins anew"),
        ...errors(400, 404, "invalid_state", 502, "host_unavailable"),
      },
    },
    handler: async (request, reply) => {
      await ping(capsules, request.teamId, parseId("capsule", request.params.id));
      return reply.code(204).send();
    },
  });
};
