/** GET /ready: requests can be served, which takes the database. For load balancers; a process that lives is `GET /health`. */

import { setTimeout as sleep } from "node:timers/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { healthSchema } from "@wrenn/protocol/rest/common";
import { sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { SharedReads } from "../db/shared-reads.ts";
import { VERSION } from "../version.ts";
import { errors, type Route } from "./route.ts";

/** Whoever asks has a time limit, too, and asks again soon. */
const ANSWER_MS = 2_500;

async function ask({ queries }: Database): Promise<void> {
  await queries.execute(sql`select 1`);
}

/** @throws database_unavailable also while no connection comes about */
async function inTime(answer: Promise<void>): Promise<void> {
  const answered = new AbortController();
  const timeUp = sleep(ANSWER_MS, undefined, { signal: answered.signal }).then(
    () => Promise.reject(new WrennError("database_unavailable", "the database does not answer: try again in a moment")),
    () => {},
  );
  try {
    await Promise.race([answer, timeUp]);
  } finally {
    answered.abort();
  }
}

export const ready: Route = (app, { capsules }) => {
  const answers = new SharedReads<void>();
  app.route({
    method: "GET",
    url: "/ready",
    schema: {
      operationId: "ready",
      tags: ["Platform"],
      summary: "Whether the control plane and its database serve requests",
      response: { 200: healthSchema, ...errors() },
    },
    handler: async () => {
      await inTime(answers.read("", () => ask(capsules.db)));
      return { status: "ok" as const, version: VERSION };
    },
  });
};
