/** PUT /v1/admin/teams/{id}/byoc: the team may bring hosts of its own from now on. */
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { setByocSchema } from "@wrenn/protocol/rest/admin";
import { z } from "zod";
import { setTeam } from "../../teams/settings.ts";
import { ADMIN } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { adminTeamParams } from "./params.ts";

export const setTeamByoc: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "PUT",
    url: "/v1/admin/teams/:id/byoc",
    config: { access: ADMIN, audit: { resource: "team", action: "set_byoc", scope: "admin" } },
    schema: {
      operationId: "setTeamByoc",
      tags: ["Administration"],
      summary: "Let a team bring hosts of its own; this cannot be taken back",
      params: adminTeamParams,
      body: setByocSchema,
      response: { 204: z.undefined().describe("Set"), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      await setTeam(db, idToUuid(parseId("team", request.params.id)), { isByoc: request.body.enabled });
      return reply.code(204).send();
    },
  });
};
