/** GET /ready: requests can be served, which takes the database. For load balancers; a process that lives is `GET /health`. */
import { healthSchema } from "@wrenn/protocol/rest/common";
import { sql } from "drizzle-orm";
import { VERSION } from "../version.ts";
import { errors, type Route } from "./route.ts";

export const ready: Route = (app, { capsules }) => {
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
      await capsules.db.queries.execute(sql`select 1`);
      return { status: "ok" as const, version: VERSION };
    },
  });
};
