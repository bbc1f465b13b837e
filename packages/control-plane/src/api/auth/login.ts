/** POST /v1/auth/login */
import { authSchema, loginSchema } from "@wrenn/protocol/rest/accounts";
import type { FastifyRequest } from "fastify";
import { LoginRefused, logIn } from "../../identity/sign-in.ts";
import { ANYONE } from "../access.ts";
import { limitPerAddress, networkOf, perAddress, perAddressAndEmail } from "../rate-limits.ts";
import { errors, type Route } from "../route.ts";
import { answerSignedIn, auditAccount, auditRefusedLogin, originOf } from "./request.ts";

export const login: Route = (app, { accounts, rateLimits }) => {
  /** One source address that tries many others leaves no more entries than one that tries one. */
  let notes: ReturnType<typeof app.createRateLimit> | undefined;
  const isNoted = async (request: FastifyRequest) => {
    notes ??= app.createRateLimit(perAddress(rateLimits.loginPerMinute));
    const counted = await notes(request);
    return counted.isAllowed || !counted.isExceeded;
  };
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
      response: { 200: authSchema, ...errors(400, "account_not_activated", "account_disabled") },
    },
    onRequest: limitPerAddress(app, rateLimits.loginPerAddressPerMinute),
    handler: async (request) => {
      try {
        return answerSignedIn(request, await logIn(accounts, request.body, originOf(request), networkOf(request)));
      } catch (error) {
        if (error instanceof LoginRefused && (await isNoted(request))) auditRefusedLogin(request, error);
        throw error;
      }
    },
  });
};
