/** GET /v1/teams/{id}/members. */
import { pageQuery } from "@wrenn/protocol/rest/common";
import { memberSchema } from "@wrenn/protocol/rest/teams";
import { z } from "zod";
import { listMembers as list } from "../../teams/read.ts";
import { member } from "../access.ts";
import { nameNextPage, pageOf } from "../paging.ts";
import { errors, type Route } from "../route.ts";
import { sessionTeam, teamParams } from "./params.ts";
import { toMember } from "./view.ts";

export const listMembers: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "GET",
    url: "/v1/teams/:id/members",
    config: { access: member("member") },
    schema: {
      operationId: "listMembers",
      tags: ["Teams"],
      summary: "List the members of the team",
      params: teamParams,
      querystring: z.object(pageQuery),
      response: { 200: z.array(memberSchema), ...errors(400) },
    },
    handler: async (request, reply) => {
      const page = pageOf(request.query);
      const members = await list(db, sessionTeam(request), page);
      const places = members.map(({ user, membership }) => ({ id: user.id, createdAt: membership.joinedAt }));
      nameNextPage(reply, places, page.limit);
      return members.map(toMember);
    },
  });
};
