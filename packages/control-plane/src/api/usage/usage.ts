/** GET /v1/capsules/usage: what the team used on each day. */

import { WrennError } from "@wrenn/protocol/errors";
import { type Usage, usageQuery, usageSchema } from "@wrenn/protocol/rest/usage";
import { dayOf, usageOfTeam } from "../../usage/days.ts";
import { team } from "../access.ts";
import { errors, type Route } from "../route.ts";

const DAY_MS = 24 * 3600 * 1000;
/** From the first to the last. */
const MAX_DAYS = 92;
const DEFAULT_DAYS = 29;

/** @throws invalid_request */
function daysOf(query: { from?: string | undefined; to?: string | undefined }, now: Date) {
  const to = query.to ?? dayOf(now);
  const from = query.from ?? dayOf(new Date(Math.max(0, Date.parse(to) - DEFAULT_DAYS * DAY_MS)));
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS;
  if (days < 0) throw new WrennError("invalid_request", `from is ${from} and must not be after to, which is ${to}`);
  if (days > MAX_DAYS) {
    throw new WrennError(
      "invalid_request",
      `from ${from} and to ${to} are ${days} days apart, and ${MAX_DAYS} are allowed`,
    );
  }
  return { from, to };
}

/** Thousandths of a minute are more than the clocks of hosts agree on. */
function rounded(minutes: number): number {
  return Math.round(minutes * 1000) / 1000;
}

export const getUsage: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/capsules/usage",
    config: { access: team("capsules:read") },
    schema: {
      operationId: "getUsage",
      tags: ["Usage"],
      summary: "What the team used on each day, today included; days without use are left out",
      querystring: usageQuery,
      response: { 200: usageSchema, ...errors(400) },
    },
    handler: async (request): Promise<Usage> => {
      const now = new Date();
      const days = daysOf(request.query, now);
      const used = await usageOfTeam(capsules.db, request.teamId, days, now);
      return {
        ...days,
        points: used.map(({ day, cpuMinutes, ramMbMinutes }) => ({
          date: day,
          cpu_minutes: rounded(cpuMinutes),
          ram_mb_minutes: rounded(ramMbMinutes),
        })),
      };
    },
  });
};
