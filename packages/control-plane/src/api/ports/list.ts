/** GET /v1/capsules/{id}/ports: what programs in the capsule listen on. */

import { portListSchema } from "@wrenn/protocol/rest/ports";
import { listPorts as list } from "../../capsules/ports.ts";
import { team } from "../access.ts";
import { capsuleParams } from "../capsules/params.ts";
import { GUEST_ERRORS, guestCall } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";

export const listPorts: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/capsules/:id/ports",
    config: { access: team("capsules:use") },
    schema: {
      operationId: "listPorts",
      tags: ["Ports"],
      summary: "List the TCP ports that programs in the capsule listen on",
      params: capsuleParams,
      response: { 200: portListSchema, ...errors(...GUEST_ERRORS) },
    },
    handler: (request, reply) => list(capsules, guestCall(request, reply)),
  });
};
