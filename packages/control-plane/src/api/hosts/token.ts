/** POST /v1/hosts/{id}/token: for a host that has not enrolled, or has lost what it proves itself with. */
import { hostWithTokenSchema } from "@wrenn/protocol/rest/hosts";
import { renewRegistration } from "../../hosts/manage.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { hostParams, hostToChange } from "./params.ts";
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
      const id = await hostToChange(request, capsules.db, request.params.id);
      const { host, token } = await renewRegistration(capsules.db, userOf(request.principal), id);
      return reply.code(201).send({ host: toNamedHost(host), registration_token: token });
    },
  });
};
