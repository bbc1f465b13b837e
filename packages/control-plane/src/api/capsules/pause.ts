/** POST /v1/capsules/{id}/pause: answers when memory and disk are saved. */

import { parseId } from "@wrenn/protocol/ids";
import { capsuleSchema } from "@wrenn/protocol/rest/capsules";
import { pauseCapsule as pause } from "../../capsules/pause.ts";
import { team } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { capsuleParams } from "./params.ts";
import { toCapsule } from "./view.ts";

export const pauseCapsule: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/capsules/:id/pause",
    config: { access: team("capsules:write"), audit: { resource: "sandbox", action: "pause" } },
    schema: {
      operationId: "pauseCapsule",
      tags: ["Capsules"],
      summary: "Pause a capsule: its memory goes to disk, and it uses nothing else",
      params: capsuleParams,
      response: { 200: capsuleSchema, ...errors(400, 404, "invalid_state", 502, "host_unavailable", 507) },
    },
    handler: async (request) => {
      return toCapsule(await pause(capsules, request.teamId, parseId("capsule", request.params.id)));
    },
  });
};
