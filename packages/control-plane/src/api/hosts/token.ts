/** POST /v1/hosts/{id}/token: for a host that has not enrolled, or has lost what it proves itself with. */
import { parseId } from "@wrenn/protocol/ids";
import { hostWithTokenSchema } from "@wrenn/protocol/rest/hosts";
import { renewRegistration } from "../../hosts/manage.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { auditedHost, hostParams } from "./params.ts";
import { toNamedHost } from "./view.ts";

export const createHostToken: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/hosts/:id/token",
    config: { access: USER, audit: { resource: "host", action: "create_token", scope: "admin" } },
    schema: {
      operationId: "createHostToken",
      tags: ["Hosts"],
      summary: "Make another registration token",
      params: hostParams,
      response: { 201: hostWithTokenSchema, ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const id = parseId("host", request.params.id);
      const { host, token } = await renewRegistration(capsules.db, userOf(request.principal), id);
      request.audited = auditedHost(host.row);
      return reply.code(201).send({ host: toNamedHost(host), registration_token: token });
    },
  });
};
