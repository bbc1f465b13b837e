/** PUT /v1/capsules/{id}/files/upload?path=…: writes a file of any size from the bytes of the body. */

import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { WrennError } from "@wrenn/protocol/errors";
import { fileQuerySchema } from "@wrenn/protocol/rest/files";
import { z } from "zod";
import { writeFile } from "../../capsules/files.ts";
import { team } from "../access.ts";
import { capsuleParams } from "../capsules/params.ts";
import { GUEST_ERRORS, guestCall } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";

/**
 * The body as a stream that may be given up: the request itself would take its connection with it, before the client has read
 * why. A client that leaves aborts the call.
 */
function bodyOf(request: IncomingMessage): PassThrough {
  return request.pipe(new PassThrough({ highWaterMark: 256 * 1024 }));
}

export const uploadFile: Route = (app, { capsules }) => {
  app.route({
    method: "PUT",
    url: "/v1/capsules/:id/files/upload",
    config: { access: team("capsules:use"), audit: { resource: "sandbox", action: "write_file", later: true } },
    schema: {
      operationId: "uploadFile",
      tags: ["Files"],
      summary: "Write a file of any size, as one step unless the old one has several names or cannot be replaced",
      consumes: ["application/octet-stream"],
      params: capsuleParams,
      querystring: fileQuerySchema,
      body: z.file(),
      response: { 204: z.undefined().describe("It is written"), ...errors(...GUEST_ERRORS, 415) },
    },
    handler: async (request, reply) => {
      if (request.isMultipart()) {
        throw new WrennError("unsupported_media_type", "the body is the file itself: forms go to files/stream/write");
      }
      const { "content-encoding": encoding, "content-length": length } = request.headers;
      await writeFile(capsules, guestCall(request, reply), request.query.path, bodyOf(request.raw), {
        ...(encoding === undefined ? {} : { "content-encoding": encoding }),
        ...(length === undefined ? {} : { "content-length": length }),
      });
      return reply.code(204).send();
    },
  });
};
