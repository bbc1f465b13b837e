/** POST /v1/me/invitations/{id}/accept: the user is in the team from now on; the session stays in its own. */
import { idFromUuid, idToUuid, parseId } from "@wrenn/protocol/ids";
import { ownTeamSchema } from "@wrenn/protocol/rest/teams";
import { acceptInvitation as accept } from "../../teams/invitations.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { toTeam } from "../teams/view.ts";
import { ownInvitationParams } from "./params.ts";

export const acceptInvitation: Route = (app, { capsules: { db }, teller }) => {
  app.route({
    method: "POST",
    url: "/v1/me/invitations/:id/accept",
    config: { access: USER, audit: { resource: "member", action: "add" } },
    schema: {
      operationId: "acceptInvitation",
      tags: ["Teams"],
      summary: "Accept an invitation",
      params: ownInvitationParams,
      response: { 200: ownTeamSchema, ...errors(400, 404, 409) },
    },
    handler: async (request) => {
      const user = userOf(request.principal);
      const id = idToUuid(parseId("invitation", request.params.id));
      const { team, role } = await accept({ db, teller }, user, id);
      const resourceId = idFromUuid("user", user.userId);
      request.audited = { resourceId, teamId: team.id, metadata: { invitation: request.params.id, role } };
      return { ...toTeam(team), role };
    },
  });
};
