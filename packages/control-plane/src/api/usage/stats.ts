/** GET /v1/capsules/stats: what the team holds now, and over a while. */

import { STATS_RANGES, type Stats, statsQuery, statsSchema } from "@wrenn/protocol/rest/usage";
import { statsOfTeam } from "../../usage/stats.ts";
import { team } from "../access.ts";
import { toTime } from "../fields.ts";
import { errors, type Route } from "../route.ts";

export const getStats: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/capsules/stats",
    config: { access: team("capsules:read") },
    schema: {
      operationId: "getStats",
      tags: ["Usage"],
      summary: "How much the team holds now, and how much it held over a while",
      querystring: statsQuery,
      response: { 200: statsSchema, ...errors(400) },
    },
    handler: async (request): Promise<Stats> => {
      const { range } = request.query;
      const { current, peaks, series } = await statsOfTeam(
        capsules.db,
        request.teamId,
        STATS_RANGES[range],
        new Date(),
      );
      return {
        range,
        current: {
          running_count: current.running,
          vcpus_reserved: current.vcpus,
          memory_mb_reserved: current.memoryMb,
        },
        peaks: { running_count: peaks.running, vcpus: peaks.vcpus, memory_mb: peaks.memoryMb },
        series: {
          labels: series.map(({ start }) => toTime(start)),
          running: series.map((bucket) => bucket.running),
          vcpus: series.map((bucket) => bucket.vcpus),
          memory_mb: series.map((bucket) => bucket.memoryMb),
        },
      };
    },
  });
};
