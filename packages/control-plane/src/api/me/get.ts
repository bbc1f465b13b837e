/** GET /v1/me */
import { idFromUuid } from "@wrenn/protocol/ids";
import { meSchema } from "@wrenn/protocol/rest/accounts";
import { loginMethods } from "../../identity/profile.ts";
import { USER, userOf } from "../access.ts";

import { errors, type Route } from "../route.ts";

export const getMe: Route = (app, { accounts }) => {
  app.route({
    method: "GET",
    url: "/v1/me",
    config: { access: USER },
    schema: {
      operationId: "getMe",
      tags: ["Accounts"],
      summary: "Who you are, in which team, and how you can sign in",
      response: { 200: meSchema, ...errors() },
    },
    handler: async (request) => {
      const { userId, name, email, isAdmin, membership } = userOf(request.principal);
      const { hasPassword, providers } = await loginMethods(accounts, userId);
      return {
        user_id: idFromUuid("user", userId),
        name,
        email,
        is_admin: isAdmin,
        ...(membership && { team_id: idFromUuid("team", membership.teamId), role: membership.role }),
        has_password: hasPassword,
        providers: [...providers],
      };
    },
  });
};
