/** POST /v1/auth/login */
import { authSchema, loginSchema } from "@wrenn/protocol/rest/accounts";
import { logIn } from "../../identity/sign-in.ts";
import { ANYONE } from "../access.ts";
import { limitPerAddress, networkOf, perAddressAndEmail } from "../rate-limits.ts";
import { errors, type Route } from "../route.ts";
import { answerSignedIn, auditAccount, originOf } from "./request.ts";

export const login: Route = (app, { accounts, rateLimits }) => {
  app.route({
    method: "POST",
    url: "/v1/auth/login",
    config: {
      access: ANYONE,
      audit: auditAccount("login"),
      rateLimit: perAddressAndEmail(rateLimits.loginPerMinute),
    },
    schema: {
      operationId: "login",
      tags: ["Accounts"],
      summary: "Sign in with an e-mail address and a password",
      body: loginSchema,
      response: { 200: authSchema, ...errors(400, 403, 413, 429) },
    },
    onRequest: limitPerAddress(app, rateLimits.loginPerAddressPerMinute),
    handler: async (request) =>
      answerSignedIn(request, await logIn(accounts, request.body, originOf(request), networkOf(request))),
  });
};
