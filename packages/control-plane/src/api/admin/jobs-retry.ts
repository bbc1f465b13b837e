/** POST /v1/admin/jobs/{id}/retry: once the cause of the failure is gone. */

import { idFromUuid, idToUuid, PLATFORM_TEAM, parseId } from "@wrenn/protocol/ids";
import { z } from "zod";
import { retryJob as retry } from "../../jobs/read.ts";
import { ADMIN } from "../access.ts";
import { errors, type Route } from "../route.ts";

const params = z.object({
  id: z
    .string()
    .describe("Id of the job")
    .meta({ examples: [idFromUuid("job", "5f3b1c1e-8d2a-4c57-9d0e-1f6f0a7c2b11")] }),
});

export const retryAdminJob: Route = (app, { capsules: { db }, jobs }) => {
  app.route({
    method: "POST",
    url: "/v1/admin/jobs/:id/retry",
    config: { access: ADMIN, audit: { resource: "job", action: "retry", scope: "admin" } },
    schema: {
      operationId: "retryJob",
      tags: ["Administration"],
      summary: "Run a job that failed once more",
      params,
      response: { 204: z.undefined().describe("It waits for its turn"), ...errors(400, 404, "invalid_state") },
    },
    handler: async (request, reply) => {
      request.audited.teamId = idToUuid(PLATFORM_TEAM);
      await retry(db, jobs, idToUuid(parseId("job", request.params.id)));
      return reply.code(204).send();
    },
  });
};
