/** GET /v1/teams: the teams that the user is in. */
import { pageQuery } from "@wrenn/protocol/rest/common";
import { ownTeamSchema } from "@wrenn/protocol/rest/teams";
import { z } from "zod";
import { listTeams as list } from "../../teams/read.ts";
import { USER, userOf } from "../access.ts";
import { nameNextPage, pageOf } from "../paging.ts";
import { errors, type Route } from "../route.ts";
import { toTeam } from "./view.ts";

export const listTeams: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/teams",
    config: { access: USER },
    schema: {
      operationId: "listTeams",
      tags: ["Teams"],
      summary: "List the teams that you are in, with your role",
      querystring: z.object(pageQuery),
      response: { 200: z.array(ownTeamSchema), ...errors(400) },
    },
    handler: async ({ principal, query }, reply) => {
      const page = pageOf(query);
      const own = await list(capsules.db, userOf(principal).userId, page);
      const places = own.map(({ team, joinedAt }) => ({ id: team.id, createdAt: joinedAt }));
      nameNextPage(reply, places, page.limit);
      return own.map(({ team, role }) => ({ ...toTeam(team), role }));
    },
  });
};
