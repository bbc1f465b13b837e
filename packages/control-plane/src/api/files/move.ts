/** POST /v1/capsules/{id}/files/move: renames a file or a folder. */

import { fileEntryResultSchema, fileMoveSchema } from "@wrenn/protocol/rest/files";
import { callFilesystem, entryOf } from "../../capsules/files.ts";
import { team } from "../access.ts";
import { capsuleParams } from "../capsules/params.ts";
import { GUEST_ERRORS, guestCall } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { toFileEntry } from "./view.ts";

export const moveFile: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/capsules/:id/files/move",
    config: { access: team("capsules:use"), audit: { resource: "sandbox", action: "move_file", later: true } },
    schema: {
      operationId: "moveFile",
      tags: ["Files"],
      summary: "Rename a file or a folder",
      params: capsuleParams,
      body: fileMoveSchema,
      response: { 200: fileEntryResultSchema, ...errors(...GUEST_ERRORS) },
    },
    handler: async (request, reply) => {
      const answer = await callFilesystem(capsules, guestCall(request, reply), (filesystem, options) =>
        filesystem.move(request.body, options),
      );
      return { entry: toFileEntry(entryOf(answer)) };
    },
  });
};
