/** PUT /v1/admin/teams/{id}/owner: for a team whose owner is gone, or locked out. */
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { transferSchema } from "@wrenn/protocol/rest/teams";
import { z } from "zod";
import { setOwner } from "../../teams/members.ts";
import { ADMIN } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { adminTeamParams } from "./params.ts";

export const setTeamOwner: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "PUT",
    url: "/v1/admin/teams/:id/owner",
    config: { access: ADMIN, audit: { resource: "team", action: "transfer", scope: "admin" } },
    schema: {
      operationId: "setTeamOwner",
      tags: ["Administration"],
      summary: "Make a member the owner of their team; who owned it is an admin of it then",
      params: adminTeamParams,
      body: transferSchema,
      response: { 204: z.undefined().describe("Done"), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const { user_id: to } = request.body;
      await setOwner({ db }, idToUuid(parseId("team", request.params.id)), idToUuid(parseId("user", to)));
      request.audited = { metadata: { to } };
      return reply.code(204).send();
    },
  });
};
