/** GET /v1/teams: the teams that the user is in. */
import { ownTeamSchema } from "@wrenn/protocol/rest/teams";
import { z } from "zod";
import { listTeams as list } from "../../teams/read.ts";
import { USER, userOf } from "../access.ts";
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
      response: { 200: z.array(ownTeamSchema), ...errors() },
    },
    handler: async ({ principal }) => {
      const own = await list(capsules.db, userOf(principal).userId);
      return own.map(({ team, role }) => ({ ...toTeam(team), role }));
    },
  });
};
