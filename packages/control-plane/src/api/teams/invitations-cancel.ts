/** DELETE /v1/teams/{id}/invitations/{invitation}: takes it back. */
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { z } from "zod";
import { cancelInvitation as cancel } from "../../teams/invitations.ts";
import { member } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { invitationParams, sessionTeam } from "./params.ts";

export const cancelInvitation: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "DELETE",
    url: "/v1/teams/:id/invitations/:invitation",
    config: { access: member("admin"), audit: { resource: "member", action: "uninvite" } },
    schema: {
      operationId: "cancelInvitation",
      tags: ["Teams"],
      summary: "Take an invitation back",
      params: invitationParams,
      response: { 204: z.undefined().describe("Taken back"), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const { invitation } = request.params;
      await cancel(db, sessionTeam(request), idToUuid(parseId("invitation", invitation)));
      request.audited = { resourceId: invitation };
      return reply.code(204).send();
    },
  });
};
