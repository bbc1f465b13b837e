/** DELETE /v1/admin/teams/{id}: any team but the platform's own. */
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { z } from "zod";
import { deleteTeam } from "../../teams/delete.ts";
import { ADMIN } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { adminTeamParams } from "./params.ts";

export const deleteAnyTeam: Route = (app, { capsules }) => {
  app.route({
    method: "DELETE",
    url: "/v1/admin/teams/:id",
    config: { access: ADMIN, audit: { resource: "team", action: "delete", scope: "admin" } },
    schema: {
      operationId: "deleteAnyTeam",
      tags: ["Administration"],
      summary: "Delete a team with its keys, channels, capsules and snapshots",
      params: adminTeamParams,
      response: {
        204: z.undefined().describe("Deleted; its machines are removed meanwhile"),
        ...errors(400, 404),
      },
    },
    handler: async (request, reply) => {
      await deleteTeam(capsules, idToUuid(parseId("team", request.params.id)), { reason: "admin" });
      return reply.code(204).send();
    },
  });
};
