/** PUT /v1/admin/users/{id}/admin: makes somebody an administrator of the platform, or ends that. */
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { setAdminSchema } from "@wrenn/protocol/rest/admin";
import { z } from "zod";
import { setAdmin } from "../../identity/admins.ts";
import { ADMIN } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { adminUserParams } from "./params.ts";

export const setUserAdmin: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "PUT",
    url: "/v1/admin/users/:id/admin",
    config: { access: ADMIN, audit: { resource: "user", action: "grant_admin", scope: "admin" } },
    schema: {
      operationId: "setUserAdmin",
      tags: ["Administration"],
      summary: "Make a user an administrator of the platform, or end that; one is always left",
      params: adminUserParams,
      body: setAdminSchema,
      response: { 204: z.undefined().describe("Done"), ...errors(400, 404, 409) },
    },
    handler: async (request, reply) => {
      const { admin } = request.body;
      if (!admin) request.audited = { action: "revoke_admin" };
      await setAdmin(db, idToUuid(parseId("user", request.params.id)), admin);
      return reply.code(204).send();
    },
  });
};
