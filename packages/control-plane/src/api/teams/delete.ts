/** DELETE /v1/teams/{id}: the team and everything that it has. */
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import { z } from "zod";
import { deleteTeam as remove } from "../../teams/delete.ts";
import { member, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { sessionTeam, teamParams } from "./params.ts";

export const deleteTeam: Route = (app, { capsules }) => {
  app.route({
    method: "DELETE",
    url: "/v1/teams/:id",
    config: { access: member("owner"), audit: { resource: "team", action: "delete", scope: "admin" } },
    schema: {
      operationId: "deleteTeam",
      tags: ["Teams"],
      summary: "Delete the team with its keys, channels, capsules and snapshots",
      params: teamParams,
      response: {
        204: z.undefined().describe("Deleted; its machines are removed meanwhile"),
        ...errors(400, 404),
      },
    },
    handler: async (request, reply) => {
      const owner = userOf(request.principal).userId;
      await remove(capsules, sessionTeam(request), { owner, reason: "request" });
      // Nobody can read the team's own log any more.
      request.audited = { teamId: idToUuid(PLATFORM_TEAM) };
      return reply.code(204).send();
    },
  });
};
