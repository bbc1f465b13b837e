/** GET /health: the process serves requests. It needs neither a key nor the database. */
import { healthSchema } from "@wrenn/protocol/rest/common";
import { VERSION } from "../version.ts";
import type { Route } from "./route.ts";

export const health: Route = (app) => {
  app.route({
    method: "GET",
    url: "/health",
    schema: {
      operationId: "health",
      tags: ["Platform"],
      summary: "Whether the control plane serves requests",
      response: { 200: healthSchema },
    },
    handler: () => ({ status: "ok" as const, version: VERSION }),
  });
};
