/** POST /v1/hosts/auth/refresh: new credentials for a host, before those that it has expire. */
import { hostCredentialsSchema, refreshHostSchema } from "@wrenn/protocol/rest/hosts";
import { refreshHost as refresh } from "../../hosts/enrol.ts";
import { ANYONE } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { auditedHost } from "./params.ts";
import { toCredentials } from "./view.ts";

export const refreshHost: Route = (app, { enrolment }) => {
  app.route({
    method: "POST",
    url: "/v1/hosts/auth/refresh",
    config: { access: ANYONE, audit: { resource: "host", action: "refresh", scope: "admin" } },
    schema: {
      operationId: "refreshHost",
      tags: ["Hosts"],
      summary: "Renew this host's credentials",
      body: refreshHostSchema,
      response: { 200: hostCredentialsSchema, ...errors(400) },
    },
    handler: async (request) => {
      const { refresh_token: token, csr } = request.body;
      const credentials = await refresh(enrolment, token, csr);
      request.audited = auditedHost(credentials.row);
      return toCredentials(credentials);
    },
  });
};
