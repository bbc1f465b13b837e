/** POST /v1/teams/{id}/leave: for everybody but the owner. */
import { idFromUuid } from "@wrenn/protocol/ids";
import { z } from "zod";
import { removeMember } from "../../teams/members.ts";
import { member, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { sessionTeam, teamParams } from "./params.ts";

export const leaveTeam: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "POST",
    url: "/v1/teams/:id/leave",
    config: { access: member("member"), audit: { resource: "member", action: "leave" } },
    schema: {
      operationId: "leaveTeam",
      tags: ["Teams"],
      summary: "Leave the team; the API keys that you made for it go",
      params: teamParams,
      response: { 204: z.undefined().describe("Left"), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const { userId } = userOf(request.principal);
      const keys = await removeMember({ db }, sessionTeam(request), userId);
      request.audited = { resourceId: idFromUuid("user", userId), metadata: { revoked_keys: keys } };
      return reply.code(204).send();
    },
  });
};
