/** Refuses requests of whoever sends too many: by API key and by session on all routes, and as single routes say. */
import rateLimit from "@fastify/rate-limit";
import { WrennError } from "@wrenn/protocol/errors";
import type { FastifyInstance } from "fastify";
import type { RateLimits } from "../api/rate-limits.ts";
import { isApiKey } from "../identity/api-keys.ts";

declare module "fastify" {
  interface FastifyInstance {
    /** Counts the request as one of who sends it: an API key, or the id of a session. @throws rate_limited */
    limitCaller: (request: FastifyRequest, caller: string, reply?: FastifyReply) => Promise<void>;
  }
  interface FastifyRequest {
    caller: string;
  }
}

const SECOND_MS = 1000;
/** Whom each limit tells apart: the one that it forgets when there are more may begin anew. */
const REMEMBERED = 50_000;

function tooMany(): WrennError {
  return new WrennError("rate_limited", "too many requests");
}

/** Register it before the guard: a key that sends too much costs no query. */
export async function registerRateLimit(app: FastifyInstance, { perKeyPerSecond }: RateLimits): Promise<void> {
  await app.register(rateLimit, { global: false, cache: REMEMBERED, errorResponseBuilder: tooMany });
  const count = app.createRateLimit({
    max: perKeyPerSecond,
    timeWindow: SECOND_MS,
    keyGenerator: ({ caller }) => caller,
  });
  app.decorateRequest("caller", "");
  app.decorate("limitCaller", async (request, caller, reply) => {
    // A key is the same in both of its forms.
    request.caller = caller.replace(/^e2b_/, "wrn_");
    const counted = await count(request);
    if (counted.isAllowed || !counted.isExceeded) return;
    reply?.header("retry-after", counted.ttlInSeconds);
    throw tooMany();
  });
  app.addHook("onRequest", async (request, reply) => {
    const key = [request.headers["x-api-key"]].flat()[0];
    // What is no key at all is refused without a query.
    if (key !== undefined && isApiKey(key)) await app.limitCaller(request, key, reply);
  });
}
