/** POST /v1/me/password: changes the password, or sets the first one of who signs in through a provider. */
import { WrennError } from "@wrenn/protocol/errors";
import { changePasswordSchema } from "@wrenn/protocol/rest/accounts";
import { z } from "zod";
import { changePassword as change } from "../../identity/password-change.ts";
import { loginMethods } from "../../identity/profile.ts";
import { USER, userOf } from "../access.ts";
import { auditAccount, auditUser } from "../auth/request.ts";
import { networkOf, perAddress } from "../rate-limits.ts";
import { errors, type Route } from "../route.ts";

export const changePassword: Route = (app, { accounts, rateLimits }) => {
  app.route({
    method: "POST",
    url: "/v1/me/password",
    config: {
      access: USER,
      audit: auditAccount("change_password"),
      rateLimit: perAddress(rateLimits.loginPerMinute),
    },
    schema: {
      operationId: "changePassword",
      tags: ["Accounts"],
      summary: "Change or set your password; your other sessions end",
      body: changePasswordSchema,
      response: { 204: z.undefined(), ...errors(400, "wrong_password") },
    },
    handler: async (request, reply) => {
      const user = userOf(request.principal);
      const { current_password, new_password, confirm_password } = request.body;
      const { hasPassword } = await loginMethods(accounts, user.userId);
      if (hasPassword && current_password === undefined)
        throw new WrennError("invalid_request", "current_password is required");
      if (!hasPassword && confirm_password !== new_password)
        throw new WrennError("invalid_request", "confirm_password must be the same as new_password");
      auditUser(request, user.userId);
      const passwords = { currentPassword: current_password, newPassword: new_password };
      await change(accounts, user, passwords, networkOf(request));
      return reply.code(204).send();
    },
  });
};
