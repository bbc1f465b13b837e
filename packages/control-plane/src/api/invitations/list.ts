/** GET /v1/me/invitations: what the user was asked. */
import { ownInvitationSchema } from "@wrenn/protocol/rest/teams";
import { z } from "zod";
import { invitationsOf } from "../../teams/invitations.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { toOwnInvitation } from "../teams/view.ts";

export const listOwnInvitations: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "GET",
    url: "/v1/me/invitations",
    config: { access: USER },
    schema: {
      operationId: "listOwnInvitations",
      tags: ["Teams"],
      summary: "List the teams that you are invited to",
      response: { 200: z.array(ownInvitationSchema), ...errors() },
    },
    handler: async ({ principal }) => (await invitationsOf(db, userOf(principal))).map(toOwnInvitation),
  });
};
