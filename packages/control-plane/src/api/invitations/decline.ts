/** POST /v1/me/invitations/{id}/decline. */
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { z } from "zod";
import { declineInvitation as decline } from "../../teams/invitations.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { ownInvitationParams } from "./params.ts";

export const declineInvitation: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "POST",
    url: "/v1/me/invitations/:id/decline",
    config: { access: USER, audit: { resource: "member", action: "decline" } },
    schema: {
      operationId: "declineInvitation",
      tags: ["Teams"],
      summary: "Decline an invitation",
      params: ownInvitationParams,
      response: { 204: z.undefined().describe("Declined"), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const id = idToUuid(parseId("invitation", request.params.id));
      const teamId = await decline(db, userOf(request.principal), id);
      request.audited = { teamId };
      return reply.code(204).send();
    },
  });
};
