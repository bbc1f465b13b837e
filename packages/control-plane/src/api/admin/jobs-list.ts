/** GET /v1/admin/jobs: background work, newest first. */

import { idFromUuid } from "@wrenn/protocol/ids";
import { JOB_STATES, jobListSchema } from "@wrenn/protocol/rest/jobs";
import { z } from "zod";
import { countJobs, type JobRow, listJobs } from "../../jobs/read.ts";
import { ADMIN } from "../access.ts";
import { fromCursor, toCursor } from "../cursor.ts";
import { toTime, withoutNulls } from "../fields.ts";
import { errors, type Route } from "../route.ts";

const querystring = z.object({
  state: z.enum(JOB_STATES).optional().describe("Only those in this state"),
  name: z.string().max(100).optional().describe("Only this kind of work"),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(200).optional().describe("`next_cursor` of the page before"),
});

export const listAdminJobs: Route = (app, { capsules: { db }, jobs }) => {
  app.route({
    method: "GET",
    url: "/v1/admin/jobs",
    config: { access: ADMIN },
    schema: {
      operationId: "listJobs",
      tags: ["Administration"],
      summary: "List background work, newest first, and how much there is",
      querystring,
      response: { 200: jobListSchema, ...errors(400) },
    },
    handler: async (request) => {
      const { state, name, limit, cursor } = request.query;
      const after = cursor === undefined ? undefined : fromCursor(cursor);
      // One more shows whether there is another page.
      const rows = await listJobs(db, jobs, { state, name, limit: limit + 1, after });
      const page = rows.slice(0, limit);
      const last = rows.length > limit ? page.at(-1) : undefined;
      return {
        items: page.map(toJob),
        ...(last === undefined ? {} : { next_cursor: toCursor(last.createdAtText, last.id) }),
        queues: await countJobs(db, jobs),
      };
    },
  });
};

function toJob({ id, name, state, attempts, ...row }: JobRow) {
  const waits = state === "created" || state === "retry";
  return {
    id: idFromUuid("job", id),
    name,
    state,
    attempts,
    created_at: toTime(row.createdAt),
    ...withoutNulls({
      next_attempt_at: waits ? toTime(row.startAfter) : null,
      started_at: row.startedAt && toTime(row.startedAt),
      ended_at: row.completedAt && toTime(row.completedAt),
      error: row.error,
    }),
  };
}
