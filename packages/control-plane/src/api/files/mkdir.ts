/** POST /v1/capsules/{id}/files/mkdir: makes a folder, with those above it. One that exists is a conflict. */

import { fileEntryResultSchema, filePathSchema } from "@wrenn/protocol/rest/files";
import { callFilesystem, entryOf } from "../../capsules/files.ts";
import { team } from "../access.ts";
import { capsuleParams } from "../capsules/params.ts";
import { GUEST_ERRORS, guestCall } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { toFileEntry } from "./view.ts";

export const makeFolder: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/capsules/:id/files/mkdir",
    config: { access: team("capsules:use"), audit: { resource: "sandbox", action: "make_folder", later: true } },
    schema: {
      operationId: "makeFolder",
      tags: ["Files"],
      summary: "Make a folder and those above it",
      params: capsuleParams,
      body: filePathSchema,
      response: { 200: fileEntryResultSchema, ...errors(...GUEST_ERRORS) },
    },
    handler: async (request, reply) => {
      const answer = await callFilesystem(capsules, guestCall(request, reply), (filesystem, options) =>
        filesystem.makeDir(request.body, options),
      );
      return { entry: toFileEntry(entryOf(answer)) };
    },
  });
};
