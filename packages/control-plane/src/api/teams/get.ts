/** GET /v1/teams/{id}: the team of the session and who is in it. */
import { teamDetailSchema } from "@wrenn/protocol/rest/teams";
import { getTeam as get, listMembers as members } from "../../teams/read.ts";
import { member } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { sessionTeam, teamParams } from "./params.ts";
import { toMember, toTeam } from "./view.ts";

/** The list of members has all of them. */
const MOST_MEMBERS = 1000;

export const getTeam: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "GET",
    url: "/v1/teams/:id",
    config: { access: member("member") },
    schema: {
      operationId: "getTeam",
      tags: ["Teams"],
      summary: "Get the team that your session is in, with its first 1000 members",
      params: teamParams,
      response: { 200: teamDetailSchema, ...errors(400, 404) },
    },
    handler: async (request) => {
      const id = sessionTeam(request);
      return {
        team: toTeam(await get(db, id)),
        members: (await members(db, id, { limit: MOST_MEMBERS })).map(toMember),
      };
    },
  });
};
