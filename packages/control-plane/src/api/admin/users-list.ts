/** GET /v1/admin/users: all accounts. */
import { adminUsersSchema, pageQuery } from "@wrenn/protocol/rest/admin";
import { pageOfUsers } from "../../teams/page.ts";
import { ADMIN } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { pageFields, toAdminUser } from "./view.ts";

export const listAllUsers: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "GET",
    url: "/v1/admin/users",
    config: { access: ADMIN },
    schema: {
      operationId: "listAllUsers",
      tags: ["Administration"],
      summary: "List all users, in the order of their sign-up",
      querystring: pageQuery,
      response: { 200: adminUsersSchema, ...errors(400) },
    },
    handler: async ({ query: { page } }) => {
      const { items, total } = await pageOfUsers(db, page);
      return { users: items.map(toAdminUser), ...pageFields(page, total) };
    },
  });
};
