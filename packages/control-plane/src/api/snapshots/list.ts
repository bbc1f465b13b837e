/** GET /v1/snapshots: what capsules can be created from. */

import { TEMPLATE_TYPES, templateSchema } from "@wrenn/protocol/rest/snapshots";
import { z } from "zod";
import { listTemplates } from "../../snapshots/templates.ts";
import { team } from "../access.ts";
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
      querystring: z.object({ type: z.enum(TEMPLATE_TYPES).optional().describe("Only those of this type") }),
      response: { 200: z.array(templateSchema), ...errors(400) },
    },
    handler: async (request) => {
      return (await listTemplates(capsules.db, request.teamId, request.query.type)).map(toTemplate);
    },
  });
};
