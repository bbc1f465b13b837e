/** PATCH /v1/teams/{id}: another name. */
import { nameTeamSchema } from "@wrenn/protocol/rest/teams";
import { z } from "zod";
import { renameTeam as rename } from "../../teams/create.ts";
import { member } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { sessionTeam, teamParams } from "./params.ts";

export const renameTeam: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "PATCH",
    url: "/v1/teams/:id",
    config: { access: member("admin"), audit: { resource: "team", action: "rename" } },
    schema: {
      operationId: "renameTeam",
      tags: ["Teams"],
      summary: "Rename the team",
      params: teamParams,
      body: nameTeamSchema,
      response: { 204: z.undefined().describe("Renamed"), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const { name } = request.body;
      await rename({ db }, sessionTeam(request), name);
      request.audited = { metadata: { name } };
      return reply.code(204).send();
    },
  });
};
