/** GET /v1/capsules/{id}: also for capsules that ended. */

import { parseId } from "@wrenn/protocol/ids";
import { capsuleSchema } from "@wrenn/protocol/rest/capsules";
import { getCapsule as get } from "../../capsules/read.ts";
import { team } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { capsuleParams } from "./params.ts";
import { toCapsule } from "./view.ts";

export const getCapsule: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/capsules/:id",
    config: { access: team("capsules:read") },
    schema: {
      operationId: "getCapsule",
      tags: ["Capsules"],
      summary: "Get a capsule, also one that ended",
      params: capsuleParams,
      response: { 200: capsuleSchema, ...errors(400, 404) },
    },
    handler: async (request) => {
      return toCapsule(await get(capsules.db, request.teamId, parseId("capsule", request.params.id)));
    },
  });
};
