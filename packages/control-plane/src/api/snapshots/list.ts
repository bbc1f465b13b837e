/** GET /v1/snapshots: what capsules can be created from. */

import { pageQuery } from "@wrenn/protocol/rest/common";
import { TEMPLATE_TYPES, templateSchema } from "@wrenn/protocol/rest/snapshots";
import { z } from "zod";
import { listTemplates } from "../../snapshots/templates.ts";
import { team } from "../access.ts";
import { nameNextPage, pageOf } from "../paging.ts";
import { errors, type Route } from "../route.ts";
import { toTemplate } from "./view.ts";

export const listSnapshots: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/snapshots",
    config: { access: team("snapshots:read") },
    schema: {
      operationId: "listSnapshots",
      tags: ["Snapshots"],
      summary: "List the templates that capsules can be created from, newest first",
      querystring: z.object({
        type: z.enum(TEMPLATE_TYPES).optional().describe("Only those of this type"),
        ...pageQuery,
      }),
      response: { 200: z.array(templateSchema), ...errors(400) },
    },
    handler: async ({ teamId, query }, reply) => {
      const page = pageOf(query);
      const templates = await listTemplates(capsules.db, teamId, page, query.type);
      nameNextPage(reply, templates, page.limit);
      return templates.map(toTemplate);
    },
  });
};
