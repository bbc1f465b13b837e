/** POST /v1/teams/{id}/transfer: another member owns the team from now on. */
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { transferSchema } from "@wrenn/protocol/rest/teams";
import { z } from "zod";
import { transferTeam as transfer } from "../../teams/members.ts";
import { member, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { sessionTeam, teamParams } from "./params.ts";

export const transferTeam: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "POST",
    url: "/v1/teams/:id/transfer",
    config: { access: member("owner"), audit: { resource: "team", action: "transfer" } },
    schema: {
      operationId: "transferTeam",
      tags: ["Teams"],
      summary: "Make another member the owner, and yourself an admin",
      params: teamParams,
      body: transferSchema,
      response: { 204: z.undefined().describe("Transferred"), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const { user_id: to } = request.body;
      const from = userOf(request.principal).userId;
      await transfer({ db }, sessionTeam(request), from, idToUuid(parseId("user", to)));
      request.audited = { metadata: { to } };
      return reply.code(204).send();
    },
  });
};
