/** What a route gets: the server it registers itself on, and the platform. Each method of the API is one file that exports a Route. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { errorEnvelopeSchema } from "@wrenn/protocol/rest/common";
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { AuditLog } from "../audit/log.ts";
import type { CapsuleDeps } from "../capsules/deps.ts";
import type { ChannelDeps } from "../channels/deps.ts";
import type { EnrolDeps } from "../hosts/enrol.ts";
import type { IdempotencyKeys } from "../idempotency/keys.ts";
import type { AccountDeps } from "../identity/deps.ts";
import type { Jobs } from "../jobs/jobs.ts";
import type { OwnMetrics } from "../metrics/own.ts";
import type { Secrets } from "../secrets.ts";
import type { TeamDeps } from "../teams/deps.ts";
import type { OAuthContext } from "./oauth/trip.ts";
import type { RateLimits } from "./rate-limits.ts";

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

export interface ApiContext {
  readonly capsules: CapsuleDeps;
  readonly accounts: AccountDeps;
  readonly oauth: OAuthContext;
  readonly rateLimits: RateLimits;
  readonly trustedProxies: readonly string[];
  readonly channels: ChannelDeps;
  readonly jobs: Jobs;
  readonly enrolment: EnrolDeps;
  readonly audit: AuditLog;
  readonly idempotency: IdempotencyKeys;
  readonly secrets: Secrets;
  readonly corsOrigins: readonly string[];
  readonly metrics: OwnMetrics;
  readonly metricsToken: string | undefined;
  readonly tellUser?: TeamDeps["tellUser"];
}

export type Route = (app: App, context: ApiContext) => void;

/** Statuses that any route of /v1 may answer with. */
const COMMON_ERRORS = [401, 403, 429, 500, 503] as const;

type ErrorResponses<Status extends number> = Record<
  Status | (typeof COMMON_ERRORS)[number],
  typeof errorEnvelopeSchema
>;

/** The error envelope for each status that a route answers with, besides those that every route has. */
export function errors<Status extends number>(...statuses: Status[]): ErrorResponses<Status> {
  return Object.fromEntries(
    [...statuses, ...COMMON_ERRORS].map((status) => [status, errorEnvelopeSchema]),
  ) as ErrorResponses<Status>;
}

/** Aborts when the client leaves before it has its answer. */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const left = new AbortController();
  // It may have left while it was looked up who it is.
  if (reply.raw.closed || reply.raw.destroyed) left.abort();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) left.abort();
  });
  return left.signal;
}
