/** POST /v1/capsules/{id}/files/remove: removes a file, or a folder and all in it. */

import { filePathSchema } from "@wrenn/protocol/rest/files";
import { z } from "zod";
import { removeFile as remove } from "../../capsules/files.ts";
import { team } from "../access.ts";
import { capsuleParams } from "../capsules/params.ts";
import { GUEST_ERRORS, guestCall } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";

export const removeFile: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/capsules/:id/files/remove",
    config: { access: team("capsules:use"), audit: { resource: "sandbox", action: "remove_file", later: true } },
    schema: {
      operationId: "removeFile",
      tags: ["Files"],
      summary: "Remove a file, or a folder and all in it",
      params: capsuleParams,
      body: filePathSchema,
      response: { 204: z.undefined().describe("It is gone"), ...errors(...GUEST_ERRORS) },
    },
    handler: async (request, reply) => {
      await remove(capsules, guestCall(request, reply), request.body.path);
      return reply.code(204).send();
    },
  });
};
