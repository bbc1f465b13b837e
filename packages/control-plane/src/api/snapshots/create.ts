/** POST /v1/snapshots: saves a capsule as a template of its team. */

import { parseId } from "@wrenn/protocol/ids";
import { createSnapshotSchema, templateSchema } from "@wrenn/protocol/rest/snapshots";
import { saveCapsule } from "../../capsules/save.ts";
import { team } from "../access.ts";
import { HOST_ERRORS } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { snapshotToTemplate } from "./view.ts";

export const createSnapshot: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/snapshots",
    config: { access: team("snapshots:write"), audit: { resource: "snapshot", action: "create" } },
    schema: {
      operationId: "createSnapshot",
      tags: ["Snapshots"],
      summary: "Save a capsule that runs or is paused as a template",
      body: createSnapshotSchema,
      response: {
        201: templateSchema,
        ...errors(
          400,
          404,
          409,
          "invalid_state",
          "name_reserved",
          "template_name_taken",
          "quota_exceeded",
          502,
          ...HOST_ERRORS,
          507,
        ),
      },
    },
    handler: async (request, reply) => {
      const { sandbox_id: sandboxId, name, pause } = request.body;
      const id = parseId("capsule", sandboxId);
      const row = await saveCapsule(capsules, request.teamId, id, { kind: "snapshot", name, pause });
      request.audited = { resourceId: row.name, metadata: { sandbox_id: sandboxId } };
      return reply.code(201).send(snapshotToTemplate(row));
    },
  });
};
