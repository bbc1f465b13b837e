/** GET /v1/me/invitations: what the user was asked. */
import { pageQuery } from "@wrenn/protocol/rest/common";
import { ownInvitationSchema } from "@wrenn/protocol/rest/teams";
import { z } from "zod";
import { invitationsOf } from "../../teams/invitations.ts";
import { USER, userOf } from "../access.ts";
import { nameNextPage, pageOf } from "../paging.ts";
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
      querystring: z.object(pageQuery),
      response: { 200: z.array(ownInvitationSchema), ...errors(400) },
    },
    handler: async ({ principal, query }, reply) => {
      const page = pageOf(query);
      const own = await invitationsOf(db, userOf(principal), page);
      nameNextPage(
        reply,
        own.map(({ invitation }) => invitation),
        page.limit,
      );
      return own.map(toOwnInvitation);
    },
  });
};
