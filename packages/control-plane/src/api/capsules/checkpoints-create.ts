/** POST /v1/capsules/{id}/checkpoints: the capsule goes on as it was. The body may be left out. */

import { parseId } from "@wrenn/protocol/ids";
import { checkpointSchema, createCheckpointSchema } from "@wrenn/protocol/rest/snapshots";
import { saveCapsule } from "../../capsules/save.ts";
import { team } from "../access.ts";
import { HOST_ERRORS } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { toCheckpoint } from "../snapshots/view.ts";
import { capsuleParams } from "./params.ts";

export const createCheckpoint: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/capsules/:id/checkpoints",
    config: { access: team("capsules:write"), audit: { resource: "checkpoint", action: "create" } },
    schema: {
      operationId: "createCheckpoint",
      tags: ["Checkpoints"],
      summary: "Save what a capsule is now, to come back to",
      params: capsuleParams,
      body: createCheckpointSchema.prefault({}),
      response: {
        201: checkpointSchema,
        ...errors(400, 404, 409, "invalid_state", "quota_exceeded", 502, ...HOST_ERRORS, 507),
      },
    },
    handler: async (request, reply) => {
      const id = parseId("capsule", request.params.id);
      const { name } = request.body;
      const row = await saveCapsule(capsules, request.teamId, id, { kind: "checkpoint", name, pause: false });
      return reply.code(201).send(toCheckpoint(row));
    },
  });
};
