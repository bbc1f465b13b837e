/** GET /v1/users/search: to find whom to invite by the beginning of their address. */
import { idFromUuid } from "@wrenn/protocol/ids";
import { foundUserSchema, searchUsersSchema } from "@wrenn/protocol/rest/accounts";
import { z } from "zod";
import { searchUsers as search } from "../../identity/users.ts";
import { USER } from "../access.ts";
import { perAddress } from "../rate-limits.ts";
import { errors, type Route } from "../route.ts";

export const searchUsers: Route = (app, { accounts, rateLimits }) => {
  app.route({
    method: "GET",
    url: "/v1/users/search",
    config: { access: USER, rateLimit: perAddress(rateLimits.searchPerMinute) },
    schema: {
      operationId: "searchUsers",
      tags: ["Accounts"],
      summary: "Find at most ten active users by the beginning of their e-mail address",
      querystring: searchUsersSchema,
      response: { 200: z.array(foundUserSchema), ...errors(400) },
    },
    handler: async (request) => {
      const found = await search(accounts.db.queries, request.query.email);
      return found.map(({ id, email }) => ({ user_id: idFromUuid("user", id), email }));
    },
  });
};
