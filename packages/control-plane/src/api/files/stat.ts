/** POST /v1/capsules/{id}/files/stat: what a path is. */

import { fileEntryResultSchema, filePathSchema } from "@wrenn/protocol/rest/files";
import { callFilesystem, entryOf } from "../../capsules/files.ts";
import { team } from "../access.ts";
import { capsuleParams } from "../capsules/params.ts";
import { GUEST_ERRORS, guestCall } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { toFileEntry } from "./view.ts";

export const statFile: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/capsules/:id/files/stat",
    config: { access: team("capsules:use"), audit: "none" },
    schema: {
      operationId: "statFile",
      tags: ["Files"],
      summary: "Get what a path is",
      params: capsuleParams,
      body: filePathSchema,
      response: { 200: fileEntryResultSchema, ...errors(...GUEST_ERRORS) },
    },
    handler: async (request, reply) => {
      const answer = await callFilesystem(capsules, guestCall(request, reply), (filesystem, options) =>
        filesystem.stat(request.body, options),
      );
      return { entry: toFileEntry(entryOf(answer)) };
    },
  });
};
