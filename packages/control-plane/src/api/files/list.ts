/** POST /v1/capsules/{id}/files/list: what is in a folder. */

import { fileListQuerySchema, fileListSchema } from "@wrenn/protocol/rest/files";
import { callFilesystem } from "../../capsules/files.ts";
import { team } from "../access.ts";
import { capsuleParams } from "../capsules/params.ts";
import { GUEST_ERRORS, guestCall } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { toFileEntry } from "./view.ts";

export const listFiles: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/capsules/:id/files/list",
    config: { access: team("capsules:use"), audit: "none" },
    schema: {
      operationId: "listFiles",
      tags: ["Files"],
      summary: "List a folder",
      params: capsuleParams,
      body: fileListQuerySchema,
      response: { 200: fileListSchema, ...errors(...GUEST_ERRORS) },
    },
    handler: async (request, reply) => {
      const { path, depth } = request.body;
      const { entries } = await callFilesystem(capsules, guestCall(request, reply), (filesystem, options) =>
        filesystem.listDir({ path, depth: Math.max(depth, 1) }, options),
      );
      return { entries: entries.map(toFileEntry) };
    },
  });
};
