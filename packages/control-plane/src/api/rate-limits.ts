/** How often routes may be used, as they say it. Counted in the memory of each control plane. */
import { normalizeIP } from "@fastify/rate-limit";
import type { FastifyRequest } from "fastify";

export interface RateLimits {
  /** requests of one API key */
  readonly perKeyPerSecond: number;
  /** of one source address, for one e-mail address */
  readonly loginPerMinute: number;
  /** of one source address, as are those below */
  readonly signupPerMinute: number;
  readonly resetPerMinute: number;
  readonly searchPerMinute: number;
  /** tests of channels of one team */
  readonly channelTestPerMinute: number;
}

const MINUTE_MS = 60_000;

/** For the `rateLimit` of a route's config: by source address. */
export function perAddress(max: number) {
  return { max, timeWindow: MINUTE_MS };
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
    keyGenerator: ({ ip, body }: FastifyRequest) => `${normalizeIP(ip)} ${(body as { email: string }).email}`,
  };
}
