/** POST /v1/teams/{id}/members: asks somebody to join. The answer is the same whether the address has an account or not. */
import { idFromUuid } from "@wrenn/protocol/ids";
import { invitationSchema, inviteSchema } from "@wrenn/protocol/rest/teams";
import { invite } from "../../teams/invitations.ts";
import { member, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { sessionTeam, teamParams } from "./params.ts";
import { toInvitation } from "./view.ts";

export const inviteMember: Route = (app, { capsules: { db }, teller, rateLimits: { invitationsPerHour } }) => {
  const deps = { db, teller, invitationsPerHour };
  app.route({
    method: "POST",
    url: "/v1/teams/:id/members",
    config: { access: member("admin"), audit: { resource: "member", action: "invite" } },
    schema: {
      operationId: "inviteMember",
      tags: ["Teams"],
      summary: "Invite somebody, who is a member once they accept",
      params: teamParams,
      body: inviteSchema,
      response: { 201: invitationSchema, ...errors(400, 404, "quota_exceeded") },
    },
    handler: async (request, reply) => {
      const { email, role } = request.body;
      const row = await invite(deps, sessionTeam(request), userOf(request.principal), { email, role });
      request.audited = { resourceId: idFromUuid("invitation", row.id), metadata: { role } };
      return reply.code(201).send(toInvitation(row));
    },
  });
};
