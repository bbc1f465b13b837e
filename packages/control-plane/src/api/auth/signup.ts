/** POST /v1/auth/signup: the account is usable once the link in the mail was followed. */
import { signupAnswerSchema, signupSchema } from "@wrenn/protocol/rest/accounts";
import { signUp } from "../../identity/sign-up.ts";
import { ANYONE } from "../access.ts";
import { networkOf, perAddress } from "../rate-limits.ts";
import { errors, type Route } from "../route.ts";
import { auditAccount, auditUser } from "./request.ts";

export const signup: Route = (app, { accounts, rateLimits }) => {
  app.route({
    method: "POST",
    url: "/v1/auth/signup",
    config: {
      access: ANYONE,
      audit: auditAccount("signup"),
      rateLimit: perAddress(rateLimits.signupPerMinute),
    },
    schema: {
      operationId: "signup",
      tags: ["Accounts"],
      summary: "Sign up; a link to activate the account is sent by mail",
      body: signupSchema,
      response: { 201: signupAnswerSchema, ...errors(400, "email_taken", "signup_cooldown") },
    },
    handler: async (request, reply) => {
      auditUser(request, await signUp(accounts, request.body, networkOf(request)));
      return reply.code(201).send({ message: "follow the link in the mail that was sent to you" });
    },
  });
};
