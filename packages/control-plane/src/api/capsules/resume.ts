/** POST /v1/capsules/{id}/resume: answers when the capsule runs again. The body may be left out. */

import { parseId } from "@wrenn/protocol/ids";
import { capsuleSchema, resumeSchema } from "@wrenn/protocol/rest/capsules";
import { resumeCapsule as resume } from "../../capsules/resume.ts";
import { team } from "../access.ts";
import { HOST_ERRORS } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { capsuleParams } from "./params.ts";
import { toCapsule } from "./view.ts";

export const resumeCapsule: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/capsules/:id/resume",
    config: { access: team("capsules:write"), audit: { resource: "sandbox", action: "resume" } },
    schema: {
      operationId: "resumeCapsule",
      tags: ["Capsules"],
      summary: "Resume a paused capsule and wait until it runs",
      params: capsuleParams,
      body: resumeSchema.prefault({}),
      response: {
        200: capsuleSchema,
        ...errors(400, 404, "snapshot_missing", "invalid_state", "quota_exceeded", 502, ...HOST_ERRORS, 507),
      },
    },
    handler: async (request) => {
      const id = parseId("capsule", request.params.id);
      return toCapsule(await resume(capsules, request.teamId, id, request.body.timeout_sec));
    },
  });
};
