/** GET /v1/teams/{id}/invitations: who was asked and has not answered. */
import { pageQuery } from "@wrenn/protocol/rest/common";
import { invitationSchema } from "@wrenn/protocol/rest/teams";
import { z } from "zod";
import { listInvitations as list } from "../../teams/invitations.ts";
import { member } from "../access.ts";
import { nameNextPage, pageOf } from "../paging.ts";
import { errors, type Route } from "../route.ts";
import { sessionTeam, teamParams } from "./params.ts";
import { toInvitation } from "./view.ts";

export const listInvitations: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "GET",
    url: "/v1/teams/:id/invitations",
    config: { access: member("admin") },
    schema: {
      operationId: "listInvitations",
      tags: ["Teams"],
      summary: "List the invitations that nobody has answered yet",
      params: teamParams,
      querystring: z.object(pageQuery),
      response: { 200: z.array(invitationSchema), ...errors(400) },
    },
    handler: async (request, reply) => {
      const page = pageOf(request.query);
      const invitations = await list(db, sessionTeam(request), page);
      nameNextPage(reply, invitations, page.limit);
      return invitations.map(toInvitation);
    },
  });
};
