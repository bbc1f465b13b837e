/** POST /v1/capsules/{id}/files/write and …/files/stream/write: a file from the parts `path` and `file` of a form. */

import { LIMITS } from "@wrenn/protocol/limits";
import { filePath } from "@wrenn/protocol/rest/files";
import { z } from "zod";
import { writeFile as write } from "../../capsules/files.ts";
import { team } from "../access.ts";
import { capsuleParams } from "../capsules/params.ts";
import { GUEST_ERRORS, guestCall } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { type FormOptions, readForm } from "./form.ts";

function writeRoute(url: string, operationId: string, summary: string, options: FormOptions): Route {
  return (app, { capsules }) => {
    app.route({
      method: "POST",
      url,
      config: { access: team("capsules:use"), audit: { resource: "sandbox", action: "write_file", later: true } },
      schema: {
        operationId,
        tags: ["Files"],
        summary,
        consumes: ["multipart/form-data"],
        params: capsuleParams,
        body: z.object({ path: filePath, file: z.file() }),
        response: { 204: z.undefined().describe("It is written"), ...errors(...GUEST_ERRORS) },
      },
      handler: async (request, reply) => {
        const call = guestCall(request, reply);
        await using form = await readForm(request, options);
        await write(capsules, call, form.path, form.file);
        return reply.code(204).send();
      },
    });
  };
}

export const writeFile = writeRoute("/v1/capsules/:id/files/write", "writeFile", "Write a file of up to 100 MiB", {
  limit: LIMITS.fileWriteBytes,
  anyOrder: true,
});

export const streamWriteFile = writeRoute(
  "/v1/capsules/:id/files/stream/write",
  "streamWriteFile",
  "Write a file of any size; the part path comes before the part file",
  {},
);
