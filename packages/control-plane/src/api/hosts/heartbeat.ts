/** POST /v1/hosts/{id}/heartbeat: the host lives, and learns whether it still belongs to the platform. */
import { WrennError } from "@wrenn/protocol/errors";
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { heartbeatSchema } from "@wrenn/protocol/rest/hosts";
import { z } from "zod";
import { heartbeat } from "../../hosts/enrol.ts";
import { HOST } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { hostParams } from "./params.ts";

export const heartbeatHost: Route = (app, { capsules, hostHeard }) => {
  app.route({
    method: "POST",
    url: "/v1/hosts/:id/heartbeat",
    config: { access: HOST, audit: "none" },
    schema: {
      operationId: "heartbeatHost",
      tags: ["Hosts"],
      summary: "Show that this host lives",
      params: hostParams,
      body: heartbeatSchema.prefault({}),
      response: { 204: z.undefined().describe("It is noted"), ...errors(400, 404, 409) },
    },
    handler: async (request, reply) => {
      const { principal } = request;
      if (principal?.kind !== "host") throw new WrennError("unauthorized", "the X-Host-Token header is missing");
      const id = idToUuid(parseId("host", request.params.id));
      await hostHeard(id, await heartbeat(capsules.db, principal, id, request.body.address));
      return reply.code(204).send();
    },
  });
};
