/** GET /v1/audit-logs: what was done in the team. */
import { hasRole } from "@wrenn/protocol/access";
import { auditPageSchema, auditQuery } from "@wrenn/protocol/rest/audit";
import { member, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { auditPage } from "./page.ts";

export const listAudit: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "GET",
    url: "/v1/audit-logs",
    config: { access: member("member") },
    schema: {
      operationId: "listAudit",
      tags: ["Audit"],
      summary: "List what was done in the team, newest first; some entries are for its admins only",
      querystring: auditQuery,
      response: { 200: auditPageSchema, ...errors(400) },
    },
    handler: (request) => {
      const { membership } = userOf(request.principal);
      const runsTeam = membership !== undefined && hasRole(membership.role, "admin");
      return auditPage(db, { teamId: request.teamId }, runsTeam ? ["team", "admin"] : ["team"], request.query);
    },
  });
};
