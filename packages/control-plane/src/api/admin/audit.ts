/** GET /v1/admin/audit-logs: what was done to the platform. */
import { idToUuid, PLATFORM_TEAM, parseId } from "@wrenn/protocol/ids";
import { adminAuditQuery, auditPageSchema } from "@wrenn/protocol/rest/audit";
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
      summary: "List what was done to the platform and by its own team, or in one team, newest first",
      querystring: adminAuditQuery,
      response: { 200: auditPageSchema, ...errors(400) },
    },
    handler: ({ query }) => {
      const { team_id: team } = query;
      const whose = { teamId: idToUuid(team === undefined ? PLATFORM_TEAM : parseId("team", team)), andAbout: team };
      return auditPage(db, whose, ["team", "admin"], query);
    },
  });
};
