/** POST /v1/capsules/{id}/files/read and …/files/stream/read: all bytes of a file, as a stream of any length. */

import { filePathSchema } from "@wrenn/protocol/rest/files";
import { readFile as read } from "../../capsules/files.ts";
import { team } from "../access.ts";
import { capsuleParams } from "../capsules/params.ts";
import { GUEST_ERRORS, guestCall } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { bytesResponse } from "./bytes.ts";
import { sendFile } from "./send.ts";

function readRoute(url: string, operationId: string, summary: string): Route {
  return (app, { capsules }) => {
    app.route({
      method: "POST",
      url,
      config: { access: team("capsules:use"), audit: { resource: "sandbox", action: "read_file", later: true } },
      schema: {
        operationId,
        tags: ["Files"],
        summary,
        params: capsuleParams,
        body: filePathSchema,
        response: { 200: bytesResponse, ...errors(...GUEST_ERRORS) },
      },
      handler: async (request, reply) => {
        return sendFile(reply, await read(capsules, guestCall(request, reply), request.body.path));
      },
    });
  };
}

export const readFile = readRoute("/v1/capsules/:id/files/read", "readFile", "Read a file");

/** The same: every file is streamed. Older clients ask for large ones here. */
export const streamReadFile = readRoute("/v1/capsules/:id/files/stream/read", "streamReadFile", "Read a large file");
