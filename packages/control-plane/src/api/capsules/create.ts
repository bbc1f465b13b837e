/** POST /v1/capsules: answers when the capsule runs. */

import { idFromUuid } from "@wrenn/protocol/ids";
import { capsuleSchema, createCapsuleSchema } from "@wrenn/protocol/rest/capsules";
import { createCapsule as create } from "../../capsules/create.ts";
import { createCapsuleOnce } from "../../capsules/create-once.ts";
import { team } from "../access.ts";
import { HOST_ERRORS } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { toCapsule } from "./view.ts";

export const createCapsule: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/capsules",
    config: { access: team("capsules:write"), audit: { resource: "sandbox", action: "create" }, resumes: true },
    schema: {
      operationId: "createCapsule",
      tags: ["Capsules"],
      summary: "Create a capsule and wait until it runs",
      body: createCapsuleSchema,
      response: {
        201: capsuleSchema,
        ...errors(
          400,
          404,
          "template_missing",
          "snapshot_missing",
          409,
          "invalid_state",
          "quota_exceeded",
          502,
          ...HOST_ERRORS,
          507,
        ),
      },
    },
    handler: async (request, reply) => {
      const { template, vcpus, ...rest } = request.body;
      const wanted = {
        template,
        vcpus,
        memoryMb: rest.memory_mb,
        diskSizeMb: rest.disk_size_mb,
        timeoutSec: rest.timeout_sec,
        autoResume: rest.auto_resume,
        tags: rest.tags ?? [],
      };
      const { teamId, turn } = request;
      const row =
        turn === undefined
          ? await create(capsules, teamId, wanted)
          : await createCapsuleOnce(capsules, teamId, turn.id, wanted);
      request.audited.resourceId = idFromUuid("capsule", row.id);
      return reply.code(201).send(toCapsule(row));
    },
  });
};
