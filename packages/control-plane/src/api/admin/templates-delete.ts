/** DELETE /v1/admin/templates/{name}: a snapshot of the platform's own team. */
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import { templateName } from "@wrenn/protocol/rest/capsules";
import { z } from "zod";
import { deleteSnapshot } from "../../snapshots/delete.ts";
import { ADMIN } from "../access.ts";
import { errors, type Route } from "../route.ts";

export const deletePlatformTemplate: Route = (app, { capsules }) => {
  app.route({
    method: "DELETE",
    url: "/v1/admin/templates/:name",
    config: { access: ADMIN, audit: { resource: "template", action: "delete", scope: "admin" } },
    schema: {
      operationId: "deletePlatformTemplate",
      tags: ["Administration"],
      summary: "Delete a snapshot of the platform's own team; base templates stay",
      params: z.object({ name: templateName.describe("Name of the snapshot") }),
      response: {
        204: z.undefined().describe("Deleted"),
        ...errors(400, 404, "invalid_state", "snapshot_in_use", 502, "host_unavailable"),
      },
    },
    handler: async (request, reply) => {
      const { name } = request.params;
      request.audited = { resourceId: name };
      await deleteSnapshot(capsules, idToUuid(PLATFORM_TEAM), name);
      return reply.code(204).send();
    },
  });
};
