/** GET /v1/capsules/{id}/files/download?path=…: the bytes of a file, also a part of them, or only when they changed. */

import type { IncomingHttpHeaders } from "node:http";
import { fileQuerySchema } from "@wrenn/protocol/rest/files";
import { z } from "zod";
import { readFile } from "../../capsules/files.ts";
import { team } from "../access.ts";
import { capsuleParams } from "../capsules/params.ts";
import { GUEST_ERRORS, guestCall } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { bytesResponse } from "./bytes.ts";
import { sendFile } from "./send.ts";

const PASSED = ["accept-encoding", "range", "if-range", "if-none-match", "if-modified-since"] as const;

/** What the client asks of the transfer. */
function conditions(headers: IncomingHttpHeaders): Record<string, string> {
  const entries = PASSED.flatMap((name) => {
    const value = headers[name];
    return typeof value === "string" ? [[name, value] as const] : [];
  });
  return Object.fromEntries(entries);
}

export const downloadFile: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/capsules/:id/files/download",
    config: { access: team("capsules:use"), audit: { resource: "sandbox", action: "read_file", later: true } },
    // It would read the file only to throw it away: `files/stat` tells what there is.
    exposeHeadRoute: false,
    schema: {
      operationId: "downloadFile",
      tags: ["Files"],
      summary: "Read a file; ranges, conditions and gzip as HTTP has them",
      params: capsuleParams,
      querystring: fileQuerySchema,
      response: {
        200: bytesResponse,
        206: bytesResponse,
        304: z.undefined().describe("It has not changed"),
        ...errors(...GUEST_ERRORS, 416),
      },
    },
    handler: async (request, reply) => {
      const call = guestCall(request, reply);
      return sendFile(reply, await readFile(capsules, call, request.query.path, conditions(request.headers)));
    },
  });
};
