/** POST /v1/me/password/reset and its confirmation, for who cannot sign in. */
import { confirmResetSchema, requestResetSchema } from "@wrenn/protocol/rest/accounts";
import { z } from "zod";
import { requestPasswordReset, resetPassword } from "../../identity/password-reset.ts";
import { findUserByEmail } from "../../identity/users.ts";
import { ANYONE } from "../access.ts";
import { auditAccount, auditUser } from "../auth/request.ts";
import { networkOf, perAddress } from "../rate-limits.ts";
import { errors, type Route } from "../route.ts";

export const requestReset: Route = (app, { accounts, rateLimits }) => {
  app.route({
    method: "POST",
    url: "/v1/me/password/reset",
    config: {
      access: ANYONE,
      audit: auditAccount("request_password_reset"),
      rateLimit: perAddress(rateLimits.resetPerMinute),
    },
    schema: {
      operationId: "requestPasswordReset",
      tags: ["Accounts"],
      summary: "Have a link to set a new password sent; the answer does not tell whether there is such an account",
      body: requestResetSchema,
      response: { 204: z.undefined(), ...errors(400) },
    },
    handler: async (request, reply) => {
      const { email } = request.body;
      const user = await findUserByEmail(accounts.db.queries, email);
      if (user !== undefined) auditUser(request, user.id);
      await requestPasswordReset(accounts, email);
      return reply.code(204).send();
    },
  });
};

export const confirmReset: Route = (app, { accounts, rateLimits }) => {
  app.route({
    method: "POST",
    url: "/v1/me/password/reset/confirm",
    config: {
      access: ANYONE,
      audit: auditAccount("reset_password"),
      rateLimit: perAddress(rateLimits.resetPerMinute),
    },
    schema: {
      operationId: "confirmPasswordReset",
      tags: ["Accounts"],
      summary: "Set a new password with the token of the mailed link; all sessions end",
      body: confirmResetSchema,
      response: { 204: z.undefined(), ...errors(400, "invalid_token") },
    },
    handler: async (request, reply) => {
      const { token, new_password } = request.body;
      auditUser(request, await resetPassword(accounts, token, new_password, networkOf(request)));
      return reply.code(204).send();
    },
  });
};
