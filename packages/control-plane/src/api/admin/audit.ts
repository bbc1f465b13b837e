/** GET /v1/admin/audit-logs: what was done to the platform. */
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import { auditPageSchema, auditQuery } from "@wrenn/protocol/rest/audit";
import { ADMIN } from "../access.ts";
import { auditPage } from "../audit/page.ts";
import { errors, type Route } from "../route.ts";

export const listPlatformAudit: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "GET",
    url: "/v1/admin/audit-logs",
    config: { access: ADMIN },
    schema: {
      operationId: "listPlatformAudit",
      tags: ["Administration"],
      summary: "List what was done to the platform and by its own team, newest first",
      querystring: auditQuery,
      response: { 200: auditPageSchema, ...errors(400) },
    },
    handler: ({ query }) => auditPage(db, idToUuid(PLATFORM_TEAM), ["team", "admin"], query),
  });
};
