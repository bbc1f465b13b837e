/** GET /v1/api-keys: all keys of the team, without the keys themselves. */

import { apiKeySchema } from "@wrenn/protocol/rest/api-keys";
import { pageQuery } from "@wrenn/protocol/rest/common";
import { z } from "zod";
import { listApiKeys as list } from "../../identity/key-store.ts";
import { member } from "../access.ts";
import { nameNextPage, pageOf } from "../paging.ts";
import { errors, type Route } from "../route.ts";
import { toApiKey } from "./view.ts";

export const listApiKeys: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "GET",
    url: "/v1/api-keys",
    config: { access: member("member") },
    schema: {
      operationId: "listApiKeys",
      tags: ["API keys"],
      summary: "List the team's API keys, newest first",
      querystring: z.object(pageQuery),
      response: { 200: z.array(apiKeySchema), ...errors(400) },
    },
    handler: async ({ teamId, query }, reply) => {
      const page = pageOf(query);
      const keys = await list(db, teamId, page);
      nameNextPage(
        reply,
        keys.map(({ key }) => key),
        page.limit,
      );
      return keys.map(toApiKey);
    },
  });
};
