/** POST /v1/capsules/{id}/fork: answers when all copies run. The body may be left out. */

import { parseId } from "@wrenn/protocol/ids";
import { forkResultSchema, forkSchema } from "@wrenn/protocol/rest/capsules";
import { forkCapsule as fork } from "../../capsules/fork.ts";
import { team } from "../access.ts";
import { toPhases } from "../fields.ts";
import { HOST_ERRORS } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { capsuleParams } from "./params.ts";
import { toCapsule } from "./view.ts";

export const forkCapsule: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/capsules/:id/fork",
    config: { access: team("capsules:write"), audit: { resource: "sandbox", action: "fork" } },
    schema: {
      operationId: "forkCapsule",
      tags: ["Capsules"],
      summary: "Start copies of a capsule that runs or is paused: all of them or none",
      params: capsuleParams,
      body: forkSchema.prefault({}),
      response: {
        201: forkResultSchema,
        ...errors(400, 404, "invalid_state", "quota_exceeded", 502, ...HOST_ERRORS, 507),
      },
    },
    handler: async (request, reply) => {
      const id = parseId("capsule", request.params.id);
      const { count, timeout_sec: timeoutSec } = request.body;
      const { children, timings } = await fork(capsules, request.teamId, id, { count, timeoutSec });
      return reply.code(201).send({ capsules: children.map(toCapsule), timings: toPhases(timings) });
    },
  });
};
