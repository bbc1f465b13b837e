/** DELETE /v1/teams/{id}/members/{uid}: ends their access at once. */
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { z } from "zod";
import { removeMember as remove } from "../../teams/members.ts";
import { member } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { memberParams, sessionTeam } from "./params.ts";

export const removeMember: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "DELETE",
    url: "/v1/teams/:id/members/:uid",
    config: { access: member("admin"), audit: { resource: "member", action: "remove" } },
    schema: {
      operationId: "removeMember",
      tags: ["Teams"],
      summary: "Remove a member, and the API keys that they made for the team",
      params: memberParams,
      response: { 204: z.undefined().describe("Removed"), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const { uid } = request.params;
      const keys = await remove({ db }, sessionTeam(request), idToUuid(parseId("user", uid)));
      request.audited = { resourceId: uid, metadata: { revoked_keys: keys } };
      return reply.code(204).send();
    },
  });
};
