/** GET /v1/admin/templates: the base templates and the snapshots of all teams. */
import { PLATFORM_TEAM } from "@wrenn/protocol/ids";
import { adminTemplateSchema } from "@wrenn/protocol/rest/admin";
import { z } from "zod";
import { listAllSnapshots } from "../../snapshots/read.ts";
import { listBaseTemplates } from "../../snapshots/templates.ts";
import { ADMIN } from "../access.ts";
import { toTime } from "../fields.ts";
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
      summary: "List the base templates and the snapshots of all teams",
      response: { 200: z.array(adminTemplateSchema), ...errors(403) },
    },
    handler: async () => {
      const base = await listBaseTemplates(db, undefined);
      return [
        ...base.map(({ name, createdAt }) => ({
          name,
          type: "base" as const,
          size_bytes: 0,
          team_id: PLATFORM_TEAM,
          created_at: toTime(createdAt),
        })),
        ...(await listAllSnapshots(db)).map(toAdminTemplate),
      ];
    },
  });
};
