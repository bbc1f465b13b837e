/** POST /v1/auth/activate: signs in at the same time. */
import { activateSchema, authSchema } from "@wrenn/protocol/rest/accounts";
import { activate } from "../../identity/sign-up.ts";
import { ANYONE } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { answerSignedIn, auditAccount, originOf } from "./request.ts";

export const activateAccount: Route = (app, { accounts }) => {
  app.route({
    method: "POST",
    url: "/v1/auth/activate",
    config: { access: ANYONE, audit: auditAccount("activate") },
    schema: {
      operationId: "activateAccount",
      tags: ["Accounts"],
      summary: "Activate an account with the token of the mailed link, and sign in",
      body: activateSchema,
      response: { 200: authSchema, ...errors(400, "invalid_token", "already_activated") },
    },
    handler: async (request) =>
      answerSignedIn(request, await activate(accounts, request.body.token, originOf(request))),
  });
};
