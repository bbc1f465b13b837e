/** DELETE /v1/snapshots/{name}: only once nothing that was started from it is left. */

import { templateName } from "@wrenn/protocol/rest/capsules";
import { z } from "zod";
import { deleteSnapshot as remove } from "../../snapshots/delete.ts";
import { team } from "../access.ts";
import { errors, type Route } from "../route.ts";

const params = z.object({ name: templateName.describe("Name of the snapshot") });

export const deleteSnapshot: Route = (app, { capsules }) => {
  app.route({
    method: "DELETE",
    url: "/v1/snapshots/:name",
    config: { access: team("snapshots:write"), audit: { resource: "snapshot", action: "delete" } },
    schema: {
      operationId: "deleteSnapshot",
      tags: ["Snapshots"],
      summary: "Delete a snapshot",
      params,
      response: {
        204: z.undefined().describe("Deleted"),
        ...errors(400, 404, "invalid_state", "snapshot_in_use", 502, "host_unavailable"),
      },
    },
    handler: async (request, reply) => {
      request.audited = { resourceId: request.params.name };
      await remove(capsules, request.teamId, request.params.name);
      return reply.code(204).send();
    },
  });
};
