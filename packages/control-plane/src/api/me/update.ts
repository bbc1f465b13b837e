/** PATCH /v1/me: the new token says the new name, and is for the same team. */
import { authSchema, updateMeSchema } from "@wrenn/protocol/rest/accounts";
import { rename } from "../../identity/profile.ts";
import { USER, userOf } from "../access.ts";
import { auditAccount, auditUser, toAuth } from "../auth/request.ts";
import { errors, type Route } from "../route.ts";

export const updateMe: Route = (app, { accounts }) => {
  app.route({
    method: "PATCH",
    url: "/v1/me",
    config: { access: USER, audit: auditAccount("update") },
    schema: {
      operationId: "updateMe",
      tags: ["Accounts"],
      summary: "Change your name",
      body: updateMeSchema,
      response: { 200: authSchema, ...errors(400) },
    },
    handler: async (request) => {
      const user = userOf(request.principal);
      auditUser(request, user.userId);
      return toAuth(await rename(accounts, user, request.body.name));
    },
  });
};
