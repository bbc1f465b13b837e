/** POST /v1/teams: a further team; it does not become the default one. */
import { idFromUuid } from "@wrenn/protocol/ids";
import { nameTeamSchema, ownTeamSchema } from "@wrenn/protocol/rest/teams";
import { createTeam as create } from "../../teams/create.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { toTeam } from "./view.ts";

export const createTeam: Route = (app, { capsules: { db }, teller }) => {
  app.route({
    method: "POST",
    url: "/v1/teams",
    config: { access: USER, audit: { resource: "team", action: "create" } },
    schema: {
      operationId: "createTeam",
      tags: ["Teams"],
      summary: "Create a team, which you own",
      body: nameTeamSchema,
      response: { 201: ownTeamSchema, ...errors(400, "quota_exceeded") },
    },
    handler: async (request, reply) => {
      const team = await create({ db, teller }, userOf(request.principal), request.body.name);
      request.audited = { resourceId: idFromUuid("team", team.id), teamId: team.id, metadata: { name: team.name } };
      return reply.code(201).send({ ...toTeam(team), role: "owner" as const });
    },
  });
};
