/** Refuses requests of whoever sends too many: by API key on all routes, and as single routes say. */
import rateLimit from "@fastify/rate-limit";
import { WrennError } from "@wrenn/protocol/errors";
import type { FastifyInstance } from "fastify";
import type { RateLimits } from "../api/rate-limits.ts";

const SECOND_MS = 1000;

function tooMany(): WrennError {
  return new WrennError("rate_limited", "too many requests");
}

/** Register it before the guard: a key that sends too much costs no query. */
export async function registerRateLimit(app: FastifyInstance, { perKeyPerSecond }: RateLimits): Promise<void> {
  await app.register(rateLimit, { global: false, errorResponseBuilder: tooMany });
  const count = app.createRateLimit({
    max: perKeyPerSecond,
    timeWindow: SECOND_MS,
    keyGenerator: ({ headers }) => String(headers["x-api-key"]),
  });
  app.addHook("onRequest", async (request, reply) => {
    if (request.headers["x-api-key"] === undefined) return;
    const counted = await count(request);
    if (counted.isAllowed || !counted.isExceeded) return;
    reply.header("retry-after", counted.ttlInSeconds);
    throw tooMany();
  });
}
