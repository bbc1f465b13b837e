/** DELETE /v1/capsules/{id}/checkpoints/{name}: the capsule is not touched. */

import { parseId } from "@wrenn/protocol/ids";
import { z } from "zod";
import { deleteCheckpoint as remove } from "../../capsules/checkpoints.ts";
import { team } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { checkpointParams } from "./params.ts";

export const deleteCheckpoint: Route = (app, { capsules }) => {
  app.route({
    method: "DELETE",
    url: "/v1/capsules/:id/checkpoints/:name",
    config: { access: team("capsules:write"), audit: { resource: "checkpoint", action: "delete" } },
    schema: {
      operationId: "deleteCheckpoint",
      tags: ["Checkpoints"],
      summary: "Delete a checkpoint of a capsule",
      params: checkpointParams,
      response: {
        204: z.undefined().describe("Deleted"),
        ...errors(400, 404, "invalid_state", 502, "host_unavailable"),
      },
    },
    handler: async (request, reply) => {
      const id = parseId("capsule", request.params.id);
      await remove(capsules, request.teamId, id, request.params.name);
      return reply.code(204).send();
    },
  });
};
