/** DELETE /v1/capsules/{id}: may be repeated. */

import { parseId } from "@wrenn/protocol/ids";
import { z } from "zod";
import { destroyCapsule as destroy } from "../../capsules/destroy.ts";
import { team } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { capsuleParams } from "./params.ts";

export const destroyCapsule: Route = (app, { capsules }) => {
  app.route({
    method: "DELETE",
    url: "/v1/capsules/:id",
    config: { access: team("capsules:write"), audit: { resource: "sandbox", action: "destroy" } },
    schema: {
      operationId: "destroyCapsule",
      tags: ["Capsules"],
      summary: "Destroy a capsule; repeating it changes nothing",
      params: capsuleParams,
      response: {
        204: z.undefined().describe("Destroyed; its host may take a moment more to remove it"),
        ...errors(400, 404, 502, "host_unavailable"),
      },
    },
    handler: async (request, reply) => {
      await destroy(capsules, request.teamId, parseId("capsule", request.params.id));
      return reply.code(204).send();
    },
  });
};
