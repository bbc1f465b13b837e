/** GET /v1/capsules: newest first, without those that ended. */

import { capsuleSchema } from "@wrenn/protocol/rest/capsules";
import { z } from "zod";
import { listCapsules as list } from "../../capsules/read.ts";
import { team } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { toCapsule } from "./view.ts";

export const listCapsules: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/capsules",
    config: { access: team("capsules:read") },
    schema: {
      operationId: "listCapsules",
      tags: ["Capsules"],
      summary: "List the capsules that have not ended, newest first",
      response: { 200: z.array(capsuleSchema), ...errors() },
    },
    handler: async (request) => (await list(capsules.db, request.teamId)).map(toCapsule),
  });
};
