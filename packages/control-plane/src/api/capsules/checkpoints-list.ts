/** GET /v1/capsules/{id}/checkpoints: newest first. */

import { parseId } from "@wrenn/protocol/ids";
import { pageQuery } from "@wrenn/protocol/rest/common";
import { checkpointSchema } from "@wrenn/protocol/rest/snapshots";
import { z } from "zod";
import { listCheckpoints as list } from "../../capsules/checkpoints.ts";
import { team } from "../access.ts";
import { nameNextPage, pageOf } from "../paging.ts";
import { errors, type Route } from "../route.ts";
import { toCheckpoint } from "../snapshots/view.ts";
import { capsuleParams } from "./params.ts";

export const listCheckpoints: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/capsules/:id/checkpoints",
    config: { access: team("capsules:read") },
    schema: {
      operationId: "listCheckpoints",
      tags: ["Checkpoints"],
      summary: "List the checkpoints of a capsule, newest first",
      params: capsuleParams,
      querystring: z.object(pageQuery),
      response: { 200: z.array(checkpointSchema), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const page = pageOf(request.query);
      const rows = await list(capsules, request.teamId, parseId("capsule", request.params.id), page);
      nameNextPage(reply, rows, page.limit);
      return rows.map(toCheckpoint);
    },
  });
};
