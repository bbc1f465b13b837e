/** PUT /v1/hosts/{id}/drain: whether new capsules go elsewhere. */
import { hostDrainSchema, hostSchema } from "@wrenn/protocol/rest/hosts";
import { setDraining } from "../../hosts/manage.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { hostParams, hostToChange } from "./params.ts";
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
      const { draining } = request.body;
      const id = await hostToChange(request, capsules.db, request.params.id, { draining });
      const host = await setDraining(capsules.db, userOf(request.principal), id, draining);
      return toNamedHost(host);
    },
  });
};
