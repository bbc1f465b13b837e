/** What a route gets: the server it registers itself on, and the platform. Each method of the API is one file that exports a Route. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { ERROR_CODES, ERRORS, type ErrorCode } from "@wrenn/protocol/errors";
import { errorEnvelopeSchema } from "@wrenn/protocol/rest/common";
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { AuditLog } from "../audit/log.ts";
import type { CapsuleDeps } from "../capsules/deps.ts";
import type { ChannelDeps } from "../channels/deps.ts";
import type { EnrolDeps } from "../hosts/enrol.ts";
import type { IdempotencyKeys } from "../idempotency/keys.ts";
import type { AccountDeps } from "../identity/deps.ts";
import type { Revocations } from "../identity/revocations.ts";
import type { Jobs } from "../jobs/jobs.ts";
import type { OwnMetrics } from "../metrics/own.ts";
import type { Secrets } from "../secrets.ts";
import type { Teller } from "../teams/deps.ts";
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
  /** The host with the UUID has shown that it lives; `changed` when it is to be reached in another way than before. */
  readonly hostHeard: (id: string, changed: boolean) => Promise<void>;
  readonly audit: AuditLog;
  readonly revocations: Revocations;
  readonly idempotency: IdempotencyKeys;
  readonly secrets: Secrets;
  readonly corsOrigins: readonly string[];
  readonly metrics: OwnMetrics;
  readonly metricsToken: string | undefined;
  readonly teller: Teller;
}

export type Route = (app: App, context: ApiContext) => void;

/** What any route of /v1 may refuse a request with. */
const COMMON_ERRORS: readonly ErrorCode[] = [
  "unauthorized",
  "forbidden",
  "no_team",
  "account_deactivated",
  "rate_limited",
  "internal_error",
  "database_unavailable",
];

/** The code that a status is for when nothing more precise is said: its first one in the registry. */
function generalCode(status: number): ErrorCode {
  const code = ERROR_CODES.find((one) => ERRORS[one].status === status);
  if (code === undefined) throw new Error(`no error of the registry has the status ${status}`);
  return code;
}

/**
 * What a route refuses a request with, besides what every route does, for the OpenAPI document.
 * @param failures codes, or statuses for their general code
 */
export function errors(...failures: (number | ErrorCode)[]): Record<500, typeof errorEnvelopeSchema> {
  const given = failures.map((one) => (typeof one === "number" ? generalCode(one) : one));
  const codes = new Set([...given, ...COMMON_ERRORS]);
  const byStatus = Map.groupBy(codes, (code) => ERRORS[code].status);
  const content = { "application/json": { schema: errorEnvelopeSchema } };
  const responses = [...byStatus].map(([status, ofStatus]) => [status, { description: ofStatus.join(" "), content }]);
  // By the type of what has a description handlers could answer anything.
  return Object.fromEntries(responses);
}
