/** GET /v1/capsules/{id}/metrics: CPU, memory and disk over a while, also of a capsule that is paused or has ended. */

import { parseId } from "@wrenn/protocol/ids";
import { type CapsuleMetrics, metricsQuery, metricsSchema } from "@wrenn/protocol/rest/metrics";
import { metricsOf } from "../../capsules/metrics.ts";
import { team } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { capsuleParams } from "./params.ts";

export const getMetrics: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/capsules/:id/metrics",
    config: { access: team("capsules:read") },
    schema: {
      operationId: "getMetrics",
      tags: ["Usage"],
      summary: "CPU, memory and disk of a capsule over a while; kept for a day after its end",
      params: capsuleParams,
      querystring: metricsQuery,
      response: { 200: metricsSchema, ...errors(400, 404, 502, "host_unavailable") },
    },
    handler: async (request): Promise<CapsuleMetrics> => {
      const id = parseId("capsule", request.params.id);
      const { range } = request.query;
      const measured = await metricsOf(capsules, request.teamId, id, range);
      return {
        sandbox_id: id,
        range,
        points: measured.map(({ at, cpuPct, memBytes, diskBytes }) => ({
          timestamp_unix: Math.floor(at.getTime() / 1000),
          cpu_pct: Math.round(cpuPct * 100) / 100,
          mem_bytes: memBytes,
          disk_bytes: diskBytes,
        })),
      };
    },
  });
};
