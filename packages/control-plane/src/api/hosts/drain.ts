/** PUT /v1/hosts/{id}/drain: whether new capsules go elsewhere. */
import { parseId } from "@wrenn/protocol/ids";
import { hostDrainSchema, hostSchema } from "@wrenn/protocol/rest/hosts";
import { setDraining } from "../../hosts/manage.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { auditedHost, hostParams } from "./params.ts";
import { toNamedHost } from "./view.ts";

export const drainHost: Route = (app, { capsules }) => {
  app.route({
    method: "PUT",
    url: "/v1/hosts/:id/drain",
    config: { access: USER, audit: { resource: "host", action: "drain", scope: "admin" } },
    schema: {
      operationId: "drainHost",
      tags: ["Hosts"],
      summary: "Begin or end draining a host",
      params: hostParams,
      body: hostDrainSchema,
      response: { 200: hostSchema, ...errors(400, 404, "invalid_state") },
    },
    handler: async (request) => {
      const id = parseId("host", request.params.id);
      const { draining } = request.body;
      const host = await setDraining(capsules.db, userOf(request.principal), id, draining);
      request.audited = auditedHost(host.row, { draining });
      return toNamedHost(host);
    },
  });
};
