/** PUT /v1/admin/users/{id}/active: locks an account, or opens it. */
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { setActiveSchema } from "@wrenn/protocol/rest/admin";
import { z } from "zod";
import { disableUser, enableUser, refuseSelf } from "../../teams/user-state.ts";
import { ADMIN, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { adminUserParams } from "./params.ts";

export const setUserActive: Route = (app, { capsules }) => {
  app.route({
    method: "PUT",
    url: "/v1/admin/users/:id/active",
    config: { access: ADMIN, audit: { resource: "user", action: "deactivate", scope: "admin" } },
    schema: {
      operationId: "setUserActive",
      tags: ["Administration"],
      summary: "Lock a user out, which ends their sessions, keys and the capsules of their teams, or let them in again",
      params: adminUserParams,
      body: setActiveSchema,
      response: { 204: z.undefined().describe("Done"), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const userId = idToUuid(parseId("user", request.params.id));
      if (request.body.active) {
        request.audited = { action: "activate" };
        await enableUser(capsules.db, userId);
      } else {
        refuseSelf(userOf(request.principal).userId, userId);
        await disableUser(capsules, userId);
      }
      return reply.code(204).send();
    },
  });
};
