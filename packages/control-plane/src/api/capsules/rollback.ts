/** POST /v1/capsules/{id}/rollback: answers when the capsule runs as it was at the checkpoint. */

import { parseId } from "@wrenn/protocol/ids";
import { capsuleSchema } from "@wrenn/protocol/rest/capsules";
import { rollbackSchema } from "@wrenn/protocol/rest/snapshots";
import { rollbackCapsule as rollback } from "../../capsules/rollback.ts";
import { team } from "../access.ts";
import { HOST_ERRORS } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { capsuleParams } from "./params.ts";
import { toCapsule } from "./view.ts";

export const rollbackCapsule: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/capsules/:id/rollback",
    config: { access: team("capsules:write"), audit: { resource: "sandbox", action: "rollback" } },
    schema: {
      operationId: "rollbackCapsule",
      tags: ["Checkpoints"],
      summary: "Put a capsule back to one of its checkpoints; it runs afterwards",
      params: capsuleParams,
      body: rollbackSchema,
      response: {
        200: capsuleSchema,
        ...errors(400, 404, "snapshot_missing", "invalid_state", "quota_exceeded", 502, ...HOST_ERRORS, 507),
      },
    },
    handler: async (request) => {
      const id = parseId("capsule", request.params.id);
      return toCapsule(await rollback(capsules, request.teamId, id, request.body.checkpoint));
    },
  });
};
