/** The one place where anything thrown becomes an answer: the envelope, the status of the registry, nothing internal. */
import { type ErrorCode, WrennError } from "@wrenn/protocol/errors";
import { LIMITS } from "@wrenn/protocol/limits";
import type { Logger } from "@wrenn/runtime/logger";
import type { FastifyReply, FastifyRequest } from "fastify";
import { toEnvelope } from "../api/envelope.ts";
import { fromDatabaseError } from "../db/errors.ts";
import { RangeNotSatisfiable } from "../hosts/guest-errors.ts";
import { TooOften } from "../identity/counts.ts";

/** What logs and metrics count for a client that left: nobody reads it, and nothing failed. */
export const CLIENT_LEFT = 499;

/** Seconds, where nobody knows better. */
const RETRY_AFTER_SEC = 1;
/** What passes by itself: too many requests, and parts of the platform that are away. */
export const PASSING: ReadonlySet<number> = new Set([429, 503]);

/** What Fastify itself refuses. */
const FASTIFY_ERRORS: Record<string, [code: ErrorCode, message: string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ["too_large", `the body is larger than ${LIMITS.jsonBodyBytes} bytes`],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ["invalid_request", "the body is shorter than its content-length"],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ["invalid_request", "the content type must be application/json"],
  FST_ERR_BAD_URL: ["invalid_request", "the path is not valid"],
  FST_ERR_MAX_PARAM_LENGTH: ["invalid_request", "the path is too long"],
};

/** The registry error for whatever a route threw. */
export function toWrennError(error: unknown): WrennError {
  const known = fromDatabaseError(error);
  if (known instanceof WrennError) return known;
  const { code } = (known ?? {}) as { code?: unknown };
  const [ours, message] = (typeof code === "string" && FASTIFY_ERRORS[code]) || [];
  return ours === undefined ? WrennError.from(known) : new WrennError(ours, message ?? "", { cause: error });
}

export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply, logger: Logger): FastifyReply {
  const known = toWrennError(request.revoked ?? error);
  const status = known.code === "connection_lost" ? CLIENT_LEFT : known.spec.status;
  if (status >= 500) {
    const level = status === 500 ? "error" : "warn";
    logger[level]({ event: "request_failed", request_id: request.id, code: known.code, err: known });
  }
  if (known instanceof RangeNotSatisfiable && known.contentRange !== undefined) {
    reply.header("content-range", known.contentRange);
  }
  if (known instanceof TooOften) reply.header("retry-after", known.retryAfterSec);
  if (PASSING.has(status) && !reply.hasHeader("retry-after")) reply.header("retry-after", RETRY_AFTER_SEC);
  return reply
    .code(status)
    .header("x-request-id", request.id)
    .header("content-type", "application/json; charset=utf-8")
    .serializer(JSON.stringify)
    .send(toEnvelope(known));
}
