/** GET /v1/admin/templates: the base templates and the snapshots of all teams. */

import { adminTemplateSchema } from "@wrenn/protocol/rest/admin";
import { pageQuery } from "@wrenn/protocol/rest/common";
import { z } from "zod";
import { listTemplates } from "../../snapshots/templates.ts";
import { ADMIN } from "../access.ts";
import { nameNextPage, pageOf } from "../paging.ts";
import { errors, type Route } from "../route.ts";
import { toAdminTemplate } from "./view.ts";

export const listAllTemplates: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "GET",
    url: "/v1/admin/templates",
    config: { access: ADMIN },
    schema: {
      operationId: "listAllTemplates",
      tags: ["Administration"],
      summary: "List the base templates and the snapshots of all teams, newest first",
      querystring: z.object(pageQuery),
      response: { 200: z.array(adminTemplateSchema), ...errors(400) },
    },
    handler: async ({ query }, reply) => {
      const page = pageOf(query);
      const templates = await listTemplates(db, undefined, page);
      nameNextPage(reply, templates, page.limit);
      return templates.map(toAdminTemplate);
    },
  });
};
