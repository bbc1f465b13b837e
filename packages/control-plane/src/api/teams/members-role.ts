/** PATCH /v1/teams/{id}/members/{uid}: another role, but never the owner's. */
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { setRoleSchema } from "@wrenn/protocol/rest/teams";
import { z } from "zod";
import { setRole } from "../../teams/members.ts";
import { member } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { memberParams, sessionTeam } from "./params.ts";

export const setMemberRole: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "PATCH",
    url: "/v1/teams/:id/members/:uid",
    config: { access: member("admin"), audit: { resource: "member", action: "role_update" } },
    schema: {
      operationId: "setMemberRole",
      tags: ["Teams"],
      summary: "Change the role of a member",
      params: memberParams,
      body: setRoleSchema,
      response: { 204: z.undefined().describe("Changed"), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const { uid } = request.params;
      const { role } = request.body;
      await setRole({ db }, sessionTeam(request), idToUuid(parseId("user", uid)), role);
      request.audited = { resourceId: uid, metadata: { role } };
      return reply.code(204).send();
    },
  });
};
