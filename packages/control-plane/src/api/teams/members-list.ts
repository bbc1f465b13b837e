/** GET /v1/teams/{id}/members. */
import { memberSchema } from "@wrenn/protocol/rest/teams";
import { z } from "zod";
import { listMembers as list } from "../../teams/read.ts";
import { member } from "../access.ts";
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
      response: { 200: z.array(memberSchema), ...errors(400) },
    },
    handler: async (request) => (await list(db, sessionTeam(request))).map(toMember),
  });
};
