/** How often routes may be used, as they say it. Counted in the memory of each control plane. */
import { normalizeIP } from "@fastify/rate-limit";
import { WrennError } from "@wrenn/protocol/errors";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

export interface RateLimits {
  /** requests of one API key */
  readonly perKeyPerSecond: number;
  /** of one source address, for one e-mail address */
  readonly loginPerMinute: number;
  /** of one source address, for all e-mail addresses together */
  readonly loginPerAddressPerMinute: number;
  /** of one source address, as are those below */
  readonly signupPerMinute: number;
  readonly resetPerMinute: number;
  readonly searchPerMinute: number;
  /** by one team, and by one of its admins */
  readonly invitationsPerHour: number;
  /** tests of channels of one team */
  readonly channelTestPerMinute: number;
}

const MINUTE_MS = 60_000;
/** Whom a route remembers: the one that it forgets when there are more may begin anew. */
const REMEMBERED = 50_000;

/** Where a request comes from, as limits see it: one IPv6 network is one client. */
export function networkOf({ ip }: FastifyRequest): string {
  return normalizeIP(ip);
}

/** For the `rateLimit` of a route's config: by source address. */
export function perAddress(max: number) {
  return { max, timeWindow: MINUTE_MS, cache: REMEMBERED };
}

/** By the team that the request is about, whoever of it asks. */
export function perTeam(max: number) {
  // The team is known by then.
  return {
    max,
    timeWindow: MINUTE_MS,
    hook: "preHandler" as const,
    keyGenerator: ({ teamId }: FastifyRequest) => teamId,
  };
}

/** The same for each e-mail address of the body. */
export function perAddressAndEmail(max: number) {
  return {
    ...perAddress(max),
    // The body is known by then.
    hook: "preHandler" as const,
    keyGenerator: (request: FastifyRequest) => `${networkOf(request)} ${(request.body as { email: string }).email}`,
  };
}

/** For the `onRequest` of a route that has another limit in its config. */
export function limitPerAddress(app: Pick<FastifyInstance, "createRateLimit">, max: number) {
  let count: ReturnType<FastifyInstance["createRateLimit"]> | undefined;
  return async (request: FastifyRequest, reply: FastifyReply) => {
    count ??= app.createRateLimit(perAddress(max));
    const counted = await count(request);
    if (counted.isAllowed || !counted.isExceeded) return;
    reply.header("retry-after", counted.ttlInSeconds);
    throw new WrennError("rate_limited", "too many requests");
  };
}
