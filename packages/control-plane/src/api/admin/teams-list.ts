/** GET /v1/admin/teams: all teams, those that were deleted too. */
import { adminTeamsSchema, pageQuery } from "@wrenn/protocol/rest/admin";
import { pageOfTeams } from "../../teams/page.ts";
import { ADMIN } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { pageFields, toAdminTeam } from "./view.ts";

export const listAllTeams: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "GET",
    url: "/v1/admin/teams",
    config: { access: ADMIN },
    schema: {
      operationId: "listAllTeams",
      tags: ["Administration"],
      summary: "List all teams, newest first, deleted ones too",
      querystring: pageQuery,
      response: { 200: adminTeamsSchema, ...errors(400) },
    },
    handler: async ({ query: { page } }) => {
      const { items, total } = await pageOfTeams(db, page);
      return { teams: items.map(toAdminTeam), ...pageFields(page, total) };
    },
  });
};
